# common/cli
