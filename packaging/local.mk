# packaging
EXTRA_DIST += packaging/prepare.sh packaging/run packaging/test packaging/demo.py .ci/run
