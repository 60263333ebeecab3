#!/bin/sh
# Makes a PKI with OpenSSL 3 in the folder $1: a root on P-384, an authority below it, one whose
# names are constrained, end entities and CRLs, as DER. Dates are fixed and keys are new.
set -eu
cd "$1"
begin=20260101000000Z end=20280101000000Z

cat >ca.cnf <<'CNF'
[ca]
default_ca = own
[own]
dir = .
database = $dir/$ENV::NAME.index
serial = $dir/$ENV::NAME.serial
crlnumber = $dir/$ENV::NAME.crlnumber
new_certs_dir = $dir
certificate = $dir/$ENV::NAME.pem
private_key = $dir/$ENV::NAME.key
default_md = sha384
policy = any
unique_subject = no
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[authority]
basicConstraints = critical,CA:true,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[constrained]
basicConstraints = critical,CA:true,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
nameConstraints = critical,permitted;DNS:agency.example
[member]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = DNS:$ENV::DNS
authorityKeyIdentifier = keyid
[agreement]
basicConstraints = critical,CA:false
keyUsage = critical,keyAgreement
subjectAltName = DNS:$ENV::DNS
[server]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$ENV::DNS
CNF
export NAME=root DNS=none

# issue BY NAME EXTENSIONS BEGIN END: a certificate, as NAME.pem and NAME.der.
issue() {
	[ -e "$1.index" ] || { : >"$1.index"; echo 1000 >"$1.serial"; echo 01 >"$1.crlnumber"; }
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$2.key" 2>/dev/null
	openssl req -new -config ca.cnf -key "$2.key" -subj "/O=Agency/CN=$2" -out "$2.csr"
	self=
	[ "$1" != "$2" ] || self=-selfsign
	NAME=$1 DNS=${2}.agency.example openssl ca -batch -notext -config ca.cnf $self -keyfile "$1.key" \
		-in "$2.csr" -out "$2.pem" -extensions "$3" -startdate "$4" -enddate "$5" 2>log || { cat log; exit 1; }
	openssl x509 -in "$2.pem" -outform DER -out "$2.der"
}

# list BY: a CRL, as BY.crl.
list() {
	NAME=$1 openssl ca -config ca.cnf -gencrl -crl_lastupdate 20260601000000Z -crl_nextupdate 20270601000000Z -out "$1.crl.pem" 2>log || { cat log; exit 1; }
	openssl crl -in "$1.crl.pem" -outform DER -out "$1.crl"
}

issue root root root $begin $end
issue root authority authority $begin $end
issue root constrained constrained $begin $end
issue authority good member $begin $end
issue authority revoked member $begin $end
issue authority expired member $begin 20260201000000Z
issue authority agreement agreement $begin $end
issue authority server server $begin $end
issue constrained inside member $begin $end
sed -i 's/DNS:$ENV::DNS/DNS:elsewhere.example/' ca.cnf
issue constrained outside member $begin $end
NAME=authority openssl ca -config ca.cnf -revoke revoked.pem -crl_reason keyCompromise 2>log || { cat log; exit 1; }
list root
list authority
