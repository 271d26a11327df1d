-- The guide's two endpoints, in one transaction.
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'examplebucket';
SET neon_s3.credential_providers = 'static';
SET neon_s3.server = '';

\set SHOW_CONTEXT never

SELECT * FROM s3_save_metadata('k', 'u', 'user_123');
SELECT s3_create_files_table();
SELECT s3_create_files_table();
\d s3_files

-- the upload and its row
BEGIN;
SELECT * FROM s3_presign_upload('cat photo.png', 'image/png', '10 min') \gset
SELECT id, object_key = :'object_key' AS same_key, file_url = :'public_file_url' AS same_url, user_id,
       upload_timestamp = now() AS now
  FROM s3_save_metadata(:'object_key', :'public_file_url', 'user_123');
COMMIT;
SELECT :'method' AS method, :'headers' AS headers,
       regexp_replace(:'object_key', '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}', 'UUID') AS object_key,
       :'public_file_url' = s3_public_url(:'object_key') AS public_url,
       :'presigned_url' LIKE :'public_file_url' || '?%SignedHeaders=content-type%3Bhost&%' AS signed_type,
       to_timestamp(substring(:'presigned_url' FROM 'X-Amz-Date=(\w+)Z'), 'YYYYMMDD"T"HH24MISS')::timestamp
         + interval '10 min' = :'expires_at'::timestamptz AT TIME ZONE 'UTC' AS expiry;

-- all that the client has to send
SELECT headers FROM s3_presign_upload('a', 'text/plain', content_length => 5, checksum_sha256 => sha256('hello'),
                                      overwrite => false);
SELECT headers FROM s3_presign_upload('a', NULL);

-- only the last path component, without controls, below a prefix
SELECT regexp_replace(object_key, '[0-9a-f-]{36}', 'UUID') FROM s3_presign_upload('../../etc/passwd', NULL, key_prefix => 'users/7/');
SELECT regexp_replace(object_key, '[0-9a-f-]{36}', 'UUID') FROM s3_presign_upload(E'C:\\fakepath\\ca\r\nt.png', NULL);
SELECT octet_length(object_key), length(object_key) FROM s3_presign_upload(repeat('é', 2000), NULL);
SELECT s3_presign_upload(NULL, NULL);
SELECT s3_presign_upload('a/', NULL);
SELECT s3_presign_upload('a', NULL, key_prefix => repeat('p', 1000));

-- columns for more
ALTER TABLE s3_files ADD content_type text, ADD size integer;
SELECT object_key FROM s3_save_metadata('both', 'u', 'user_123', 'text/plain', 5);
SELECT object_key FROM s3_save_metadata('one', 'u', 'user_123', size => 6);
SELECT object_key FROM s3_save_metadata('none', 'u', 'user_123');
SELECT object_key, file_url FROM s3_save_metadata('no URL', NULL, 'user_123');
SELECT id, object_key, content_type, size FROM s3_files WHERE id > 1 ORDER BY id;

-- what the table or the key rules refuse
SELECT * FROM s3_save_metadata('none', 'u', 'user_123');
SELECT * FROM s3_save_metadata('a/../b', 'u', 'user_123');
SELECT * FROM s3_save_metadata('large', 'u', 'user_123', size => 3000000000);
\set VERBOSITY terse
SELECT * FROM s3_save_metadata(NULL, NULL, 'user_123');
SELECT * FROM s3_save_metadata('k', 'u', NULL);
\set VERBOSITY default

-- another table
CREATE SCHEMA "My Files";
SELECT s3_create_files_table('"My Files"."Über"');
SET neon_s3.files_table = '"My Files"."Über"';
SELECT id, object_key FROM s3_save_metadata('k', 'u', 'user_123');
SELECT count(*) FROM "My Files"."Über";
SELECT s3_create_files_table('a.b.c');
SELECT s3_create_files_table('no such schema.t');
SELECT s3_create_files_table(NULL) IS NULL;
SET search_path = '';
SELECT public.s3_create_files_table('t');
RESET search_path;

-- the tables are the user's
DROP EXTENSION neon_s3;
SELECT count(*) FROM s3_files;
DROP TABLE s3_files;
DROP TABLE "My Files"."Über";
DROP SCHEMA "My Files";
