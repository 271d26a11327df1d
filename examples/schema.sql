-- The database of all these examples, for a superuser: psql -f examples/schema.sql
-- Credentials and bucket are settings (neon_s3.*); no backend has them.
\set ON_ERROR_STOP on
BEGIN;
CREATE EXTENSION IF NOT EXISTS neon_s3;

-- Two roles: one owns and signs, and nobody logs in as it; the backends log in as the other, which may do what the
-- policy below lets it, and nothing else.
CREATE ROLE files_owner NOLOGIN;
CREATE ROLE app LOGIN;
GRANT CREATE ON SCHEMA public TO files_owner;
GRANT EXECUTE ON FUNCTION s3_presign_get, s3_presign_post, s3_head_object TO files_owner;

SET LOCAL ROLE files_owner;

-- The largest file. It stands here only: begin casts what was promised, and confirm what was measured.
CREATE DOMAIN file_size AS bigint CONSTRAINT at_most_2_gib CHECK (VALUE <= 2147483648);

-- The guide's table, and what the page shows.
SELECT s3_create_files_table();
ALTER TABLE s3_files ADD file_name text, ADD content_type text, ADD size file_size, ADD confirmed_at timestamptz;
CREATE INDEX ON s3_files (user_id, id);

-- A user's files are the user's: the backend says who it is with SET LOCAL app.user_id.
ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON s3_files TO app, files_owner USING (user_id = current_setting('app.user_id', true));
GRANT SELECT, INSERT, DELETE, UPDATE (file_name) ON s3_files TO app;
GRANT USAGE ON SEQUENCE s3_files_id_seq TO app;

-- No row without its upload, no object after its row. SVG and HTML are not among the types: a browser runs them.
SELECT s3_track_files(content_types => ARRAY['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif',
  'video/*', 'audio/*', 'text/plain', 'text/csv', 'application/pdf', 'application/zip']);

-- The guide's /presign-upload. Its clients send no "if-none-match: *", so the URL may be used more than once, and
-- such URLs are for trusted roles: hence SECURITY DEFINER. The row is the user's all the same.
CREATE FUNCTION presign_upload(file_name text, content_type text)
RETURNS TABLE (presigned_url text, object_key text, public_file_url text)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  SELECT u.presigned_url, u.object_key, u.file_url
    FROM s3_begin_upload($1, $2, current_setting('app.user_id'), '5 min', overwrite => true,
                         columns => jsonb_build_object('file_name', $1)) u;
END;

-- A form for browsers without JavaScript, and the row that is made when the bucket sends the browser back.
CREATE FUNCTION form_prefix() RETURNS text LANGUAGE sql STABLE
RETURN 'forms/' || encode(sha256(convert_to(current_setting('app.user_id'), 'UTF8')), 'hex') || '/';

CREATE FUNCTION upload_form(redirect text) RETURNS TABLE (url text, fields jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  SELECT p.url, p.fields
    FROM s3_presign_post(form_prefix() || gen_random_uuid() || '/${filename}', '1 hour', min_length => 1,
                         max_length => 104857600, fields => jsonb_build_object('success_action_redirect', redirect)) p;
END;

CREATE FUNCTION save_form(object_key text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  INSERT INTO s3_files (object_key, file_url, user_id, file_name, content_type, size, confirmed_at)
  SELECT h.key, s3_public_url(h.key), current_setting('app.user_id'), n.name,
         coalesce(s3_content_type(n.name), h.content_type), h.size, h.last_modified
    FROM s3_head_object(CASE WHEN starts_with($1, form_prefix()) THEN $1 END) h, regexp_replace(h.key, '^.*/', '') n(name)
   WHERE h.key IS NOT NULL
      ON CONFLICT DO NOTHING
  RETURNING id;
END;

REVOKE EXECUTE ON FUNCTION presign_upload, upload_form, save_form FROM PUBLIC;
GRANT EXECUTE ON FUNCTION presign_upload, upload_form, save_form TO app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM files_owner;

-- This database deletes the objects of rows that are gone (s3_run_outbox, or the worker); a copy of it does not.
SELECT s3_arm_lifecycle();
COMMIT;
