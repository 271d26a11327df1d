-- What PostgREST serves, on top of examples/schema.sql: psql -f examples/schema.sql -f examples/postgrest/schema.sql
-- postgrest.conf beside this file names schema and roles. The user is the claim "sub" of the token.
\set ON_ERROR_STOP on
BEGIN;
CREATE ROLE web_user NOLOGIN;
CREATE ROLE web_anonymous NOLOGIN;
CREATE ROLE authenticator LOGIN NOINHERIT;
GRANT web_user, web_anonymous TO authenticator;

CREATE SCHEMA api;
GRANT USAGE ON SCHEMA api TO web_user, files_owner;
CREATE FUNCTION api.user_id() RETURNS text LANGUAGE sql STABLE
RETURN nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';

SET LOCAL ROLE files_owner;
CREATE POLICY of_claim ON s3_files TO web_user USING (user_id = api.user_id());
GRANT SELECT, INSERT, DELETE, UPDATE (file_name) ON s3_files TO web_user;
GRANT USAGE ON SEQUENCE s3_files_id_seq TO web_user;
RESET ROLE;

-- GET /files, DELETE /files?id=eq.1, PATCH /files?id=eq.1 {"name": …}
CREATE VIEW api.files WITH (security_invoker) AS
  SELECT id, object_key, file_name AS name, content_type, size, upload_timestamp
    FROM s3_files WHERE confirmed_at IS NOT NULL;
GRANT SELECT, DELETE, UPDATE (name) ON api.files TO web_user;

-- GET /rpc/file_url?id=1: PostgREST takes GET for functions that are STABLE, in a read-only transaction.
CREATE FUNCTION api.file_url(id bigint, download boolean = false) RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT s3_file_url(f.object_key, '1 hour', CASE WHEN download THEN f.file_name END) FROM s3_files f WHERE f.id = $1;
END;

-- GET /rpc/unfinished
CREATE FUNCTION api.unfinished() RETURNS TABLE (object_key text, name text, size bigint, parts boolean) LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT u.object_key, f.file_name, u.content_length, u.upload_id IS NOT NULL
    FROM s3_uploads u JOIN s3_files f USING (object_key);
END;

-- POST /rpc/begin_upload {"name": …, "content_type": …, "size": …}
CREATE FUNCTION api.begin_upload(name text, content_type text, size file_size)
RETURNS TABLE (id bigint, object_key text, method text, presigned_url text, headers jsonb, expires_at timestamptz) LANGUAGE sql
BEGIN ATOMIC
  SELECT u.id, u.object_key, u.method, u.presigned_url, u.headers, u.expires_at
    FROM s3_begin_upload($1, $2, api.user_id(), content_length => $3, columns => jsonb_build_object('file_name', $1)) u;
END;

-- POST /rpc/begin_multipart_upload, then /rpc/part_urls for the parts that the bucket lacks, again and again
CREATE FUNCTION api.begin_multipart_upload(name text, content_type text, size file_size)
RETURNS TABLE (id bigint, object_key text, part_size bigint, part_count integer) LANGUAGE sql
BEGIN ATOMIC
  SELECT u.id, u.object_key, u.part_size, u.part_count
    FROM s3_begin_multipart_upload($1, $2, api.user_id(), $3, columns => jsonb_build_object('file_name', $1)) u;
END;

CREATE FUNCTION api.part_urls(object_key text) RETURNS TABLE (part_number integer, size bigint, presigned_url text) LANGUAGE sql
BEGIN ATOMIC
  SELECT u.part_number, u.size, u.presigned_url FROM s3_upload_part_urls($1, expires_in => '1 hour') u;
END;

-- POST /rpc/confirm_upload, POST /rpc/abort_upload {"object_key": …}
CREATE FUNCTION api.confirm_upload(object_key text) RETURNS TABLE (size bigint, content_type text) LANGUAGE sql
BEGIN ATOMIC
  SELECT c.size, c.content_type FROM s3_confirm_upload($1) c;
END;

CREATE FUNCTION api.abort_upload(object_key text) RETURNS boolean LANGUAGE sql
BEGIN ATOMIC
  SELECT s3_abort_upload($1);
END;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA api FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api TO web_user;
COMMIT;
