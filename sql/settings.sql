-- The settings neon_s3.*: what they take, who may set them, and what they never show.
LOAD 'neon_s3';
SELECT name, boot_val, unit, context FROM pg_settings WHERE name LIKE 'neon_s3.%' ORDER BY name COLLATE "C";

-- secrets
SHOW neon_s3.secret_access_key;
SET neon_s3.access_key_id = 'canary-id';
SET neon_s3.secret_access_key = 'canary-secret';
SET neon_s3.session_token = 'canary-token';
SHOW neon_s3.access_key_id;
SELECT current_setting('neon_s3.secret_access_key'), set_config('neon_s3.session_token', 'canary-token', false);
SELECT count(*) FROM pg_settings s WHERE s::text LIKE '%canary%';
ALTER ROLE CURRENT_USER SET neon_s3.secret_access_key = 'canary-secret';
ALTER DATABASE postgres SET neon_s3.session_token = 'canary-token';
CREATE FUNCTION leak() RETURNS int LANGUAGE sql SET neon_s3.access_key_id = 'canary-id' AS 'SELECT 1';
CREATE FUNCTION leak() RETURNS int LANGUAGE sql SET neon_s3.access_key_id FROM CURRENT AS 'SELECT 1';

-- what they take
SET neon_s3.region = 'a/b';
SET neon_s3.bucket = 'no/slash';
SET neon_s3.endpoint = 's3.example.com';
SET neon_s3.endpoint = 'https://user@s3.example.com';
SET neon_s3.public_endpoint = 'https://s3.example.com/?x';
SET neon_s3.addressing_style = 'host';
\set VERBOSITY sqlstate
SET neon_s3.expires_in = 0;
SET neon_s3.expires_in = '8d';
\set VERBOSITY default
SET neon_s3.expires_in = '1h';
SHOW neon_s3.expires_in;
SET neon_s3.unknown = 1;

-- who may set them
CREATE ROLE regress_neon_s3_user;
SET SESSION AUTHORIZATION regress_neon_s3_user;
SET neon_s3.secret_access_key = 'x';
SET neon_s3.endpoint = 'http://127.0.0.1';
SET neon_s3.max_expires_in = 60;
SET neon_s3.files_table = 'app.files';
SHOW neon_s3.secret_access_key;
RESET SESSION AUTHORIZATION;

-- the ceiling is for roles without superuser
SET neon_s3.bucket = 'examplebucket';
SET neon_s3.max_expires_in = '2min';
GRANT EXECUTE ON FUNCTION s3_presign_get, s3_presign_post TO regress_neon_s3_user;
SELECT s3_presign_get('a', '3 min') LIKE '%X-Amz-Expires=180&%';
SET ROLE regress_neon_s3_user;
SELECT s3_presign_get('a') LIKE '%X-Amz-Expires=120&%';
SELECT s3_presign_get('a', '2 min') LIKE '%X-Amz-Expires=120&%';
SELECT s3_presign_get('a', '3 min');
SELECT s3_presign_head('a');
-- whatever signed_at says
SELECT s3_presign_get('a', '1 min', signed_at => '2100-01-01 00:00:00Z');
SELECT s3_presign_get('a', '1 min', signed_at => clock_timestamp() + '50 s') LIKE '%X-Amz-Expires=60&%';
SELECT s3_presign_get('a', '2 min', signed_at => '2026-01-01 00:00:00Z') LIKE '%X-Amz-Date=20260101T000000Z&X-Amz-Expires=120&%';
SELECT s3_presign_post('a', '1 min', signed_at => '2100-01-01 00:00:00Z');
RESET ROLE;
DROP OWNED BY regress_neon_s3_user;
DROP ROLE regress_neon_s3_user;

-- The HTTP client's.
SHOW neon_s3.connect_timeout;
SHOW neon_s3.request_timeout;
SHOW neon_s3.max_response_size;
SET neon_s3.max_attempts = 0;
