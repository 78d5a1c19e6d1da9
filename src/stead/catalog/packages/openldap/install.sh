#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

readonly FOLDER=/etc/ldap/slapd.d
readonly TLS=/etc/ldap/tls

[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${ORGANISATION:-} =~ ^[A-Za-z0-9] ]] || fail 1 "an organisation is needed"
if [ "${ANONYMOUS_READ:-false}" = true ]; then others="read"; else others="none"; fi

hashed() {
    local file made
    file=$(umask 077 && mktemp)
    printf '%s' "$PASSWORD" >"$file"
    made=$(slappasswd -n -h '{SSHA}' -T "$file")
    rm -f "$file"
    printf '%s' "$made"
}

# People may change their own password and nobody sees another's.
rules() {
    cat <<LDIF
olcAccess: {0}to attrs=userPassword,shadowLastChange by self write by anonymous auth by * none
olcAccess: {1}to dn.base="" by * read
olcAccess: {2}to * by self read by users read by anonymous $others
LDIF
}

first_configuration() {
    cat <<LDIF
dn: cn=config
objectClass: olcGlobal
cn: config
olcArgsFile: /var/run/slapd/slapd.args
olcPidFile: /var/run/slapd/slapd.pid
olcLogLevel: none
olcTLSCertificateFile: $TLS/server.crt
olcTLSCertificateKeyFile: $TLS/server.key

dn: cn=module{0},cn=config
objectClass: olcModuleList
cn: module{0}
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb
olcModuleLoad: memberof
olcModuleLoad: refint

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif
include: file:///etc/ldap/schema/cosine.ldif
include: file:///etc/ldap/schema/nis.ldif
include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={-1}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {-1}frontend
olcSizeLimit: 1000

dn: olcDatabase={0}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {0}config
olcAccess: to * by dn.exact=gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth manage by * none

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {1}mdb
olcDbDirectory: /var/lib/ldap
olcDbMaxSize: 1073741824
olcSuffix: $SUFFIX
olcRootDN: $ADMIN
olcRootPW: $(hashed)
olcDbIndex: objectClass eq
olcDbIndex: cn,uid eq,sub
olcDbIndex: uidNumber,gidNumber,member,memberUid eq
$(rules)

dn: olcOverlay={0}memberof,olcDatabase={1}mdb,cn=config
objectClass: olcMemberOf
objectClass: olcOverlayConfig
olcOverlay: memberof
olcMemberOfRefint: TRUE

dn: olcOverlay={1}refint,olcDatabase={1}mdb,cn=config
objectClass: olcRefintConfig
objectClass: olcOverlayConfig
olcOverlay: {1}refint
olcRefintAttribute: memberof member
LDIF
}

first_entries() {
    cat <<LDIF
dn: $SUFFIX
objectClass: top
objectClass: dcObject
objectClass: organization
o: $ORGANISATION
dc: ${DOMAIN%%.*}

dn: ou=people,$SUFFIX
objectClass: organizationalUnit
ou: people

dn: ou=groups,$SUFFIX
objectClass: organizationalUnit
ou: groups
LDIF
}

make_certificate() {
    install -d -m 0755 $TLS
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
        -subj "/CN=$(hostname)" -keyout $TLS/server.key.new -out $TLS/server.crt 2>/dev/null
    install -m 0640 -o root -g openldap $TLS/server.key.new $TLS/server.key
    rm $TLS/server.key.new
}

begin() {
    rm -rf $FOLDER /var/lib/ldap
    install -d -m 0750 -o openldap -g openldap $FOLDER /var/lib/ldap
    first_configuration | slapadd -n 0 -F $FOLDER || fail 3 "the configuration is refused"
    first_entries | slapadd -n 1 -F $FOLDER || fail 3 "the first entries are refused"
    chown -R openldap:openldap $FOLDER /var/lib/ldap
    touch $FOLDER/stead-complete
}

# Changes a running server: nobody is disconnected.
apply_live() {
    {
        printf 'dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nreplace: olcRootPW\n'
        printf 'olcRootPW: %s\n-\nreplace: olcAccess\n' "$(hashed)"
        rules
    } | ldapmodify -Q -Y EXTERNAL -H ldapi:/// >/dev/null
}

progress 5 "Installing OpenLDAP"
printf 'slapd slapd/no_configuration boolean true\n' | debconf-set-selections
install_packages slapd ldap-utils

progress 60 "Writing the configuration"
[ -e $TLS/server.key ] || make_certificate
if [ -e $FOLDER/stead-complete ] && ! slapcat -n 0 -F $FOLDER -a olcSuffix="$SUFFIX" 2>/dev/null | grep -q .; then
    fail 1 "the directory was made for another domain, and a directory cannot be renamed"
fi
[ -e $FOLDER/stead-complete ] || begin
sed -i 's|^SLAPD_SERVICES=.*|SLAPD_SERVICES="ldap:/// ldaps:/// ldapi:///"|' /etc/default/slapd

progress 80 "Starting OpenLDAP"
if ! service_runs slapd; then
    service restart slapd || fail 3 "OpenLDAP does not start"
fi
wait_for 30 apply_live || fail 3 "OpenLDAP does not take over the settings"
wait_for 20 ./check.sh || fail 3 "OpenLDAP does not answer"
progress 100 "Done"
