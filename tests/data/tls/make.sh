#!/bin/sh
# Makes the certificates of the tests: an authority, what it signed, and a certificate of nobody. Valid for 100 years.
set -e
days=36500
ec() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
sign() { # NAME, its subject alternative names, more options
    name=$1 names=$2
    shift 2
    ec "$name"
    openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
    printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' "$names" > ext
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -out "$name.pem" "$@"
    rm "$name.csr" ext
}
ec ca
openssl req -x509 -new -key ca.key -subj "/CN=trunkline tests" -days $days -out ca.pem
sign server DNS:localhost,IP:127.0.0.1 -days $days
sign renewed DNS:localhost,IP:127.0.0.1 -days $days
sign elsewhere DNS:elsewhere.example -days $days
# `openssl x509` cannot sign for a time that is over.
sign expired DNS:localhost,IP:127.0.0.1 -days $days
openssl req -new -key expired.key -subj "/CN=expired" -out expired.csr
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' > ext
mkdir ca.d
: > ca.d/index
printf '[ca]\ndefault_ca=own\n[own]\ndatabase=ca.d/index\nnew_certs_dir=ca.d\ncertificate=ca.pem\nprivate_key=ca.key\n' > ca.cnf
printf 'default_md=sha256\nrand_serial=yes\npolicy=any\n[any]\ncommonName=supplied\n' >> ca.cnf
openssl ca -batch -notext -config ca.cnf -extfile ext -in expired.csr -out expired.pem \
    -startdate 20200101000000Z -enddate 20200102000000Z
rm -r ca.d ca.cnf expired.csr ext
ec stranger
openssl req -x509 -new -key stranger.key -subj "/CN=localhost" -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -days $days -out stranger.pem
rm ca.key ca.srl
