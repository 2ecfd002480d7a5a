#!/bin/sh
# Makes the certificates of this folder anew; see README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cd "$work"
touch index.txt
sign() { openssl ca -batch -notext -config "$here/make.cnf" -startdate 20200101000000Z -enddate 21200101000000Z "$@"; }
for name in ca server; do
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $name-key.pem
done
openssl req -new -config "$here/make.cnf" -key ca-key.pem -subj "/CN=easel tests authority" -out ca.csr
openssl req -new -config "$here/make.cnf" -key server-key.pem -subj "/CN=localhost" -out server.csr
sign -selfsign -keyfile ca-key.pem -extensions authority -in ca.csr -out ca.pem
sign -cert ca.pem -keyfile ca-key.pem -extensions server -in server.csr -out server.pem
cp ca.pem server.pem server-key.pem "$here"
