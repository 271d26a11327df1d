-- Named servers and user mappings.
SET neon_s3.access_key_id = 'SETTINGSKEY';
SET neon_s3.secret_access_key = 'settings-secret';
SET neon_s3.session_token = '';
SET neon_s3.region = 'us-east-1';
SET neon_s3.endpoint = '';
SET neon_s3.public_endpoint = '';
SET neon_s3.addressing_style = 'auto';
SET neon_s3.bucket = 'settingsbucket';
SET neon_s3.credential_providers = 'static';

-- options
CREATE SERVER files FOREIGN DATA WRAPPER neon_s3
  OPTIONS (region 'eu-central-1', bucket 'serverbucket', endpoint 'http://127.0.0.1:9000', addressing_style 'path');
CREATE SERVER archive FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'us-west-2', credential_providers 'static');
CREATE SERVER bad FOREIGN DATA WRAPPER neon_s3 OPTIONS (secret_access_key 'canary');
CREATE SERVER bad FOREIGN DATA WRAPPER neon_s3 OPTIONS (regoin 'eu-central-1');
CREATE SERVER bad FOREIGN DATA WRAPPER neon_s3 OPTIONS (something_else 'x');
CREATE SERVER bad FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'a/b');
CREATE SERVER bad FOREIGN DATA WRAPPER neon_s3 OPTIONS (endpoint 'ftp://x');
CREATE SERVER bad FOREIGN DATA WRAPPER neon_s3 OPTIONS (bucket 'x');
CREATE SERVER bad FOREIGN DATA WRAPPER neon_s3 OPTIONS (addressing_style 'host');
CREATE SERVER bad FOREIGN DATA WRAPPER neon_s3 OPTIONS (credential_providers 'static, ldap');
CREATE USER MAPPING FOR PUBLIC SERVER files OPTIONS (acess_key_id 'x');
CREATE USER MAPPING FOR PUBLIC SERVER files OPTIONS (region 'x');
CREATE FOREIGN DATA WRAPPER other_fdw;
CREATE SERVER other FOREIGN DATA WRAPPER other_fdw;

-- who signs with what
CREATE FUNCTION who(url text) RETURNS text LANGUAGE sql AS
  $$ SELECT regexp_replace(url, '^(.*)\?.*Credential=(\w+)%2F\d+%2F([\w-]+)%2F.*$', '\1 \2 \3') $$;
CREATE ROLE regress_neon_s3_alice;
CREATE ROLE regress_neon_s3_bob;
GRANT EXECUTE ON FUNCTION s3_presign_get, s3_presign_post, s3_presign_upload TO regress_neon_s3_alice, regress_neon_s3_bob;
GRANT USAGE ON FOREIGN SERVER files TO regress_neon_s3_alice, regress_neon_s3_bob;
CREATE USER MAPPING FOR regress_neon_s3_alice SERVER files OPTIONS (access_key_id 'ALICE', secret_access_key 'alice-secret');
CREATE USER MAPPING FOR PUBLIC SERVER files OPTIONS (access_key_id 'PUBLICKEY', secret_access_key 'public-secret');

SELECT who(s3_presign_get('k')), who(s3_presign_get('k', server => 'files')), who(s3_presign_get('k', server => 'archive'));
SELECT who(s3_presign_get('k', server => 'files', bucket => 'otherbucket'));
SELECT s3_public_url('k', server => 'files');
SET neon_s3.public_url_base = 'https://cdn.example.com';
SELECT s3_public_url('k'), s3_public_url('k', server => 'files');
ALTER SERVER files OPTIONS (ADD public_url_base 'https://files.example.com');
SELECT s3_public_url('k', server => 'files');
RESET neon_s3.public_url_base;
SET ROLE regress_neon_s3_alice;
SELECT who(s3_presign_get('k', server => 'files')), who(presigned_url) <> '' FROM s3_presign_upload('a', NULL, server => 'files');
SELECT fields ->> 'x-amz-credential' LIKE 'ALICE/%/eu-central-1/s3/aws4_request' FROM s3_presign_post('k', server => 'files');
SET neon_s3.server = 'files';
SELECT who(s3_presign_get('k')), who(s3_presign_get('k', server => ''));
RESET neon_s3.server;
SELECT s3_presign_get('k', server => 'archive');
SELECT s3_public_url('k', server => 'archive');
SET ROLE regress_neon_s3_bob;
SELECT who(s3_presign_get('k', server => 'files'));
RESET ROLE;

-- a definer's function signs as its owner
CREATE FUNCTION as_alice() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT who(s3_presign_get('k', server => 'files')) $$;
ALTER FUNCTION as_alice() OWNER TO regress_neon_s3_alice;
SET ROLE regress_neon_s3_bob;
SELECT as_alice(), who(s3_presign_get('k', server => 'files'));
RESET ROLE;

-- changes count at once
ALTER USER MAPPING FOR PUBLIC SERVER files OPTIONS (SET access_key_id 'ROTATED');
ALTER SERVER files OPTIONS (SET region 'eu-west-1', SET endpoint 'https://s3.example.com');
SELECT who(s3_presign_get('k', server => 'files'));

-- without a mapping, only what a superuser said may sign does
DROP USER MAPPING FOR PUBLIC SERVER files;
SELECT who(s3_presign_get('k', server => 'files'));
ALTER SERVER files OPTIONS (ADD credential_providers 'static');
SELECT who(s3_presign_get('k', server => 'files'));
GRANT USAGE ON FOREIGN DATA WRAPPER neon_s3 TO regress_neon_s3_alice;
SET ROLE regress_neon_s3_alice;
CREATE SERVER mine FOREIGN DATA WRAPPER neon_s3 OPTIONS (credential_providers 'environment');
CREATE SERVER mine FOREIGN DATA WRAPPER neon_s3 OPTIONS (region 'eu-central-1');
SELECT s3_presign_get('k', server => 'mine');
CREATE USER MAPPING FOR regress_neon_s3_alice SERVER mine OPTIONS (access_key_id 'OWN', secret_access_key 'own-secret');
SELECT who(s3_presign_get('k', server => 'mine'));
DROP USER MAPPING FOR regress_neon_s3_alice SERVER mine;
RESET ROLE;
-- whoever owns it
ALTER SERVER mine OWNER TO CURRENT_USER;
SELECT s3_presign_get('k', server => 'mine');
ALTER SERVER mine OPTIONS (ADD credential_providers 'static');
ALTER SERVER mine OWNER TO regress_neon_s3_alice;
SELECT who(s3_presign_get('k', server => 'mine'));
SET ROLE regress_neon_s3_alice;
ALTER SERVER mine OPTIONS (SET region 'eu-west-1');
-- nor drop what keeps it from that
ALTER SERVER mine OPTIONS (DROP credential_providers);
ALTER SERVER mine OPTIONS (DROP credential_providers, SET region 'eu-west-1');
ALTER SERVER mine VERSION '2';
ALTER SERVER mine RENAME TO still_mine;
ALTER SERVER still_mine RENAME TO mine;
RESET ROLE;
ALTER SERVER mine OPTIONS (DROP credential_providers);
SET ROLE regress_neon_s3_alice;
ALTER SERVER mine OPTIONS (SET region 'eu-west-1');
RESET ROLE;

-- no such server
SELECT s3_presign_get('k', server => 'nowhere');
SELECT s3_presign_get('k', server => 'other');

DROP SERVER files, archive, mine, other CASCADE;
DROP FOREIGN DATA WRAPPER other_fdw;
DROP FUNCTION as_alice();
DROP FUNCTION who(text);
DROP OWNED BY regress_neon_s3_alice, regress_neon_s3_bob;
DROP ROLE regress_neon_s3_alice, regress_neon_s3_bob;
