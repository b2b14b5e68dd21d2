# lmtp
