-- neon_s3 1.0. No statement here mentions the extension's schema, so any schema name will do; nothing
-- is looked up along a caller's search_path but the files table. Whoever signs or asks S3 acts with the
-- server's credentials, so such functions are REVOKEd from PUBLIC where they are defined.
\echo Use "CREATE EXTENSION neon_s3" to load this file. \quit

-- ---------------------------------------------------------------- named servers

CREATE FUNCTION s3_server_options_validator(options text[], catalog oid)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_server_options_validator' LANGUAGE C STRICT;

COMMENT ON FUNCTION s3_server_options_validator(text[], oid) IS
'Checks the options of servers and user mappings of neon_s3.';

CREATE FOREIGN DATA WRAPPER neon_s3 VALIDATOR s3_server_options_validator;

COMMENT ON FOREIGN DATA WRAPPER neon_s3 IS
'Buckets by name: CREATE SERVER for region, bucket and endpoint; CREATE USER MAPPING for access_key_id, secret_access_key and session_token of a role or PUBLIC. Whoever signs needs USAGE on the server.';

-- ---------------------------------------------------------------- presigning

-- COST: time measured beside md5(text), whose cost is 1 (test/bench).

CREATE FUNCTION s3_presign_get(
  key text, expires_in interval DEFAULT NULL, download_as text DEFAULT NULL, version_id text DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign_get' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign_get(text, interval, text, text, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) that downloads an object with GET. expires_in: 1 second to 7 days, by default neon_s3.expires_in. download_as: the file name under which a browser saves it. query, headers: more parameters to sign, objects of string -> string. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_presign_get(text, interval, text, text, text, text, jsonb, jsonb, timestamptz) FROM PUBLIC;

CREATE FUNCTION s3_presign_put(
  key text, content_type text DEFAULT NULL, expires_in interval DEFAULT NULL, content_length bigint DEFAULT NULL,
  checksum_sha256 bytea DEFAULT NULL, overwrite boolean DEFAULT true,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign_put' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign_put(text, text, interval, bigint, bytea, boolean, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) that uploads an object with PUT. content_type, content_length, checksum_sha256 and overwrite => false are signed headers (content-type, content-length, x-amz-checksum-sha256 in base64, if-none-match: *): the client must send them, and the bucket refuses anything else. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_presign_put(text, text, interval, bigint, bytea, boolean, text, text, jsonb, jsonb, timestamptz) FROM PUBLIC;

CREATE FUNCTION s3_presign_head(
  key text, expires_in interval DEFAULT NULL, version_id text DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign_head' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign_head(text, interval, text, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) that reads an object''s metadata with HEAD. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_presign_head(text, interval, text, text, text, jsonb, jsonb, timestamptz) FROM PUBLIC;

CREATE FUNCTION s3_presign_delete(
  key text, expires_in interval DEFAULT NULL, version_id text DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign_delete' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign_delete(text, interval, text, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) that deletes an object with DELETE. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_presign_delete(text, interval, text, text, text, jsonb, jsonb, timestamptz) FROM PUBLIC;

CREATE FUNCTION s3_presign(
  method text, key text, expires_in interval DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign(text, text, interval, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) for any method (GET, HEAD, PUT, POST, DELETE) and operation. With a NULL key and a query, such as {"list-type": "2"}, the URL addresses the bucket itself; with a NULL key alone the result is NULL.';
REVOKE EXECUTE ON FUNCTION s3_presign(text, text, interval, text, text, jsonb, jsonb, timestamptz) FROM PUBLIC;

CREATE FUNCTION s3_presign_explain(
  method text, key text, expires_in interval DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp(),
  OUT url text, OUT canonical_request text, OUT string_to_sign text, OUT credential_scope text, OUT signature text)
AS 'MODULE_PATHNAME', 'neon_s3_presign_explain' LANGUAGE C VOLATILE PARALLEL SAFE COST 6;

COMMENT ON FUNCTION s3_presign_explain(text, text, interval, text, text, jsonb, jsonb, timestamptz) IS
'What s3_presign signs, stage by stage, to be compared line by line with the CanonicalRequest and StringToSign of a server''s SignatureDoesNotMatch answer. Holds no key material, but the URL is as good as any.';
REVOKE EXECUTE ON FUNCTION s3_presign_explain(text, text, interval, text, text, jsonb, jsonb, timestamptz) FROM PUBLIC;

CREATE FUNCTION s3_presign_upload_part(
  key text, upload_id text, part_number integer, expires_in interval DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign_upload_part' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign_upload_part(text, text, integer, interval, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) that uploads one part, 1 to 10000, of a multipart upload with PUT. NULL for a NULL key, upload_id or part_number.';
REVOKE EXECUTE ON FUNCTION s3_presign_upload_part(text, text, integer, interval, text, text, jsonb, jsonb, timestamptz) FROM PUBLIC;

CREATE FUNCTION s3_presign_post(
  key text, expires_in interval DEFAULT NULL, content_type text DEFAULT NULL,
  min_length bigint DEFAULT NULL, max_length bigint DEFAULT NULL,
  fields jsonb DEFAULT NULL, conditions jsonb DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp(),
  OUT url text, OUT fields jsonb)
AS 'MODULE_PATHNAME', 'neon_s3_presign_post' LANGUAGE C VOLATILE PARALLEL SAFE COST 10;

COMMENT ON FUNCTION s3_presign_post(text, interval, text, bigint, bigint, jsonb, jsonb, text, text, timestamptz) IS
'A signed POST policy, for uploads from an HTML form: the form''s action, and all of its fields but the file, which comes last. A key that ends in ${filename} (which may stand nowhere else in it) takes the name of the client''s file. content_type and fields become fields and exact conditions; min_length and max_length (bytes) limit the file; conditions are POST policy conditions to add. What contradicts itself is an error. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_presign_post(text, interval, text, bigint, bigint, jsonb, jsonb, text, text, timestamptz) FROM PUBLIC;

CREATE FUNCTION s3_public_url(key text, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_public_url' LANGUAGE C STABLE PARALLEL SAFE;

COMMENT ON FUNCTION s3_public_url(text, text, text) IS
'Unsigned URL of an object, its key percent-encoded: good where the bucket lets everybody read. NULL for a NULL key.';

CREATE FUNCTION s3_content_disposition(file_name text, disposition text DEFAULT 'attachment')
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_content_disposition' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION s3_content_disposition(text, text) IS
'Content-Disposition header (RFC 6266) that names a file, for "attachment" (save it) or "inline" (show it), with an ASCII form and a UTF-8 form of any name: control and invisible characters are dropped, path separators become "_", and it is cut to 240 bytes.';

CREATE FUNCTION s3_content_type(file_name text)
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_content_type' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION s3_content_type(text) IS
'Content type by a file name''s extension, in any case, from the media types of Debian; NULL where it is unknown.';

-- ---------------------------------------------------------------- the guide, in SQL

CREATE FUNCTION s3_create_files_table(table_name text DEFAULT 's3_files')
RETURNS regclass
LANGUAGE plpgsql VOLATILE STRICT
AS $function$
DECLARE
  names pg_catalog.text[] := pg_catalog.parse_ident(table_name);
  qualified pg_catalog.text;
BEGIN
  IF pg_catalog.cardinality(names) OPERATOR(pg_catalog.>) 2 THEN
    RAISE EXCEPTION 'invalid table name "%"', table_name USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF pg_catalog.cardinality(names) OPERATOR(pg_catalog.=) 1 THEN
    names := pg_catalog.array_prepend(pg_catalog.current_schema()::pg_catalog.text, names);
  END IF;
  IF names[1] IS NULL THEN
    RAISE EXCEPTION 'no schema has been selected to create "%" in', table_name USING ERRCODE = 'invalid_schema_name';
  END IF;
  qualified := pg_catalog.format('%I.%I', names[1], names[2]);
  EXECUTE pg_catalog.format(
    'CREATE TABLE IF NOT EXISTS %s ('
    '  id serial PRIMARY KEY,'
    '  object_key pg_catalog.text NOT NULL UNIQUE,'
    '  file_url pg_catalog.text NOT NULL,'
    '  user_id pg_catalog.text NOT NULL,'
    '  upload_timestamp pg_catalog.timestamptz DEFAULT pg_catalog.now())', qualified);
  RETURN qualified::pg_catalog.regclass;
END
$function$;

COMMENT ON FUNCTION s3_create_files_table(text) IS
'Creates the table of the files'' metadata, as in Neon''s guide: id, object_key, file_url, user_id, upload_timestamp. It is an ordinary table of yours: add columns, indexes and policies as you like; it is dumped and restored, and DROP EXTENSION leaves it alone. An existing table is left as it is, with a NOTICE.';

CREATE FUNCTION s3_presign_upload(
  file_name text, content_type text, expires_in interval DEFAULT NULL, key_prefix text DEFAULT '',
  content_length bigint DEFAULT NULL, checksum_sha256 bytea DEFAULT NULL, overwrite boolean DEFAULT true,
  bucket text DEFAULT NULL, server text DEFAULT NULL,
  OUT method text, OUT presigned_url text, OUT headers jsonb, OUT object_key text, OUT public_file_url text,
  OUT expires_at timestamptz)
AS 'MODULE_PATHNAME', 'neon_s3_presign_upload' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 8;

COMMENT ON FUNCTION s3_presign_upload(text, text, interval, text, bigint, bytea, boolean, text, text) IS
'Everything a client needs to upload one file: a fresh object_key (key_prefix, a random UUID, "-" and the last path component of file_name), the presigned PUT URL for it, the headers to send with it verbatim, and the object''s public URL. Writes nothing: save the row with s3_save_metadata in the same transaction.';
REVOKE EXECUTE ON FUNCTION s3_presign_upload(text, text, interval, text, bigint, bytea, boolean, text, text) FROM PUBLIC;

CREATE FUNCTION s3_save_metadata(
  object_key text, public_file_url text, user_id text, content_type text DEFAULT NULL, size bigint DEFAULT NULL,
  OUT id bigint, OUT object_key text, OUT file_url text, OUT user_id text, OUT upload_timestamp timestamptz)
AS 'MODULE_PATHNAME', 'neon_s3_save_metadata' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100;

COMMENT ON FUNCTION s3_save_metadata(text, text, text, text, bigint) IS
'Inserts an uploaded file''s row into the files table (neon_s3.files_table, found along the search_path) with the caller''s rights, and returns it. A NULL public_file_url: what s3_public_url gives. content_type and size go into columns of that name where the table has them. Columns that the caller may not read are returned as they were given, id and upload_timestamp as NULL; so is an id that is not an integer.';

-- ---------------------------------------------------------------- lifecycle: tables of the extension's own

-- Granted to nobody: functions and views of the extension read and write them, with its owner's rights.
-- Their content is dumped; docs/lifecycle.md explains each of them.

CREATE TABLE s3_governed_tables (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  files_table regclass NOT NULL UNIQUE,
  bucket text NOT NULL,
  server text,
  key_prefix text NOT NULL DEFAULT '',
  max_size bigint,
  content_types text[]
);

COMMENT ON TABLE s3_governed_tables IS
'The files tables that s3_track_files governs, with the bucket and server of their objects and the limits of their uploads.';
COMMENT ON SEQUENCE s3_governed_tables_id_seq IS 'Numbers of s3_governed_tables.';

CREATE TABLE s3_issued_keys (
  object_key text COLLATE "C" NOT NULL,
  governed_table integer NOT NULL,
  bucket text NOT NULL,
  server text,
  pending boolean NOT NULL,
  begun_at timestamptz NOT NULL,
  begun_by text NOT NULL,
  expires_at timestamptz,
  content_type text,
  content_length bigint,
  checksum_sha256 bytea,
  upload_id text,
  part_size bigint,
  PRIMARY KEY (object_key, governed_table)
);

CREATE INDEX s3_issued_keys_pending ON s3_issued_keys (expires_at) WHERE pending;
CREATE INDEX s3_issued_keys_settled ON s3_issued_keys (expires_at) WHERE NOT pending;

COMMENT ON TABLE s3_issued_keys IS
'The ledger: the keys and upload ids that were issued here. Pending ones are uploads that have neither been confirmed nor aborted.';
COMMENT ON INDEX s3_issued_keys_pending IS 'Finds the uploads that have expired.';
COMMENT ON INDEX s3_issued_keys_settled IS 'Finds the entries that may be forgotten.';

CREATE TABLE s3_delete_queue (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  object_key text COLLATE "C" NOT NULL,
  bucket text NOT NULL,
  server text,
  signs_as text NOT NULL,
  enqueued_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL,
  last_error text,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'dead', 'kept'))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE INDEX s3_delete_queue_key ON s3_delete_queue USING hash (object_key);
CREATE INDEX s3_delete_queue_due ON s3_delete_queue (next_attempt_at) WHERE state IN ('pending', 'running');

COMMENT ON TABLE s3_delete_queue IS
'The outbox: objects to be deleted once their transaction has committed and their time has come.';
COMMENT ON SEQUENCE s3_delete_queue_id_seq IS 'Numbers of s3_delete_queue.';
COMMENT ON INDEX s3_delete_queue_key IS 'Finds the items of a key that is inserted again.';
COMMENT ON INDEX s3_delete_queue_due IS 'Finds the items that are due.';

CREATE TABLE s3_bulk_deletes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  object_keys text[] COLLATE "C" NOT NULL,
  part integer NOT NULL,
  bucket text NOT NULL,
  server text,
  signs_as text NOT NULL,
  enqueued_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

ALTER TABLE s3_bulk_deletes ALTER object_keys SET STORAGE EXTERNAL;
CREATE INDEX s3_bulk_deletes_part ON s3_bulk_deletes (part);
CREATE INDEX s3_bulk_deletes_due ON s3_bulk_deletes (due_at);

COMMENT ON TABLE s3_bulk_deletes IS
'Items of the outbox that one statement enqueued by the thousand, many in a row, until they are due or one of their keys is inserted again: they go to s3_delete_queue then.';
COMMENT ON SEQUENCE s3_bulk_deletes_id_seq IS 'Numbers of s3_bulk_deletes.';
COMMENT ON INDEX s3_bulk_deletes_part IS 'Finds the rows that may have a key.';
COMMENT ON INDEX s3_bulk_deletes_due IS 'Finds the rows that are due.';

CREATE TABLE s3_lifecycle_identity (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  system_identifier text NOT NULL,
  database_oid bigint NOT NULL,
  instance text NOT NULL,
  as_branch boolean NOT NULL,
  armed_at timestamptz NOT NULL,
  armed_by text NOT NULL
);

COMMENT ON TABLE s3_lifecycle_identity IS
'The database that s3_arm_lifecycle armed last: a copy of it finds another identity here than its own, and deletes nothing.';

SELECT pg_extension_config_dump('s3_governed_tables', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = files_table::pg_catalog.oid)');
SELECT pg_extension_config_dump('s3_governed_tables_id_seq', '');
SELECT pg_extension_config_dump('s3_issued_keys', '');
SELECT pg_extension_config_dump('s3_delete_queue', '');
SELECT pg_extension_config_dump('s3_delete_queue_id_seq', '');
SELECT pg_extension_config_dump('s3_bulk_deletes', '');
SELECT pg_extension_config_dump('s3_bulk_deletes_id_seq', '');
SELECT pg_extension_config_dump('s3_lifecycle_identity', '');

-- ---------------------------------------------------------------- lifecycle: governed tables

CREATE FUNCTION s3_governed_changed()
RETURNS trigger
AS 'MODULE_PATHNAME', 'neon_s3_governed_changed' LANGUAGE C;

COMMENT ON FUNCTION s3_governed_changed() IS
'Tells all sessions that a record of s3_governed_tables has changed.';
REVOKE EXECUTE ON FUNCTION s3_governed_changed() FROM PUBLIC;

CREATE TRIGGER s3_governed_changed AFTER INSERT OR UPDATE OR DELETE ON s3_governed_tables
FOR EACH ROW EXECUTE FUNCTION s3_governed_changed();

COMMENT ON TRIGGER s3_governed_changed ON s3_governed_tables IS
'Tells all sessions that a record has changed.';

CREATE FUNCTION s3_guard_files()
RETURNS trigger
AS 'MODULE_PATHNAME', 'neon_s3_guard_files' LANGUAGE C;

COMMENT ON FUNCTION s3_guard_files() IS
'Trigger of governed tables: roles that may not execute s3_presign_get insert only through s3_begin_upload, and change neither a key nor what was measured.';
REVOKE EXECUTE ON FUNCTION s3_guard_files() FROM PUBLIC;

CREATE FUNCTION s3_enqueue_deletes()
RETURNS trigger
AS 'MODULE_PATHNAME', 'neon_s3_enqueue_deletes' LANGUAGE C;

COMMENT ON FUNCTION s3_enqueue_deletes() IS
'Trigger of governed tables: puts the objects of deleted rows into the outbox.';
REVOKE EXECUTE ON FUNCTION s3_enqueue_deletes() FROM PUBLIC;

CREATE FUNCTION s3_track_files(
  files_table regclass DEFAULT 's3_files'::text::regclass, bucket text DEFAULT NULL, server text DEFAULT NULL,
  key_prefix text DEFAULT '', max_size bigint DEFAULT NULL, content_types text[] DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_track_files' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

COMMENT ON FUNCTION s3_track_files(regclass, text, text, text, bigint, text[]) IS
'Makes a table of yours a governed one: its row-level security decides who may upload and download, roles that may not execute s3_presign_get insert no keys of their own, and deleted rows take their objects with them. bucket and server are recorded by name, by default what is set now. key_prefix comes before every key; max_size and content_types (exact, or image/*) limit uploads. Called again, it changes what is recorded.';

CREATE FUNCTION s3_untrack_files(files_table regclass DEFAULT 's3_files'::text::regclass)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_untrack_files' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

COMMENT ON FUNCTION s3_untrack_files(regclass) IS
'Makes a governed table of yours an ordinary one again, and forgets its uploads under way. Deletes that are in the outbox remain there.';

CREATE FUNCTION s3_require_trusted()
RETURNS boolean
AS 'MODULE_PATHNAME', 'neon_s3_require_trusted' LANGUAGE C STABLE PARALLEL SAFE;

COMMENT ON FUNCTION s3_require_trusted() IS
'True for roles that may execute s3_presign_get, an error (42501) for others.';

CREATE VIEW s3_tracked_files WITH (security_barrier) AS
  SELECT g.files_table, g.bucket, g.server, g.key_prefix, g.max_size, g.content_types
    FROM s3_governed_tables AS g
   WHERE s3_require_trusted()
     AND EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) g.files_table::pg_catalog.oid);

COMMENT ON VIEW s3_tracked_files IS
'The tables that s3_track_files governs, for roles that may execute s3_presign_get.';

GRANT SELECT ON s3_tracked_files TO PUBLIC;

-- ---------------------------------------------------------------- lifecycle: uploads

CREATE FUNCTION s3_begin_upload(
  file_name text, content_type text, user_id text, expires_in interval DEFAULT NULL, key_prefix text DEFAULT '',
  content_length bigint DEFAULT NULL, checksum_sha256 bytea DEFAULT NULL, overwrite boolean DEFAULT false,
  columns jsonb DEFAULT NULL,
  OUT id bigint, OUT object_key text, OUT file_url text, OUT method text, OUT presigned_url text, OUT headers jsonb,
  OUT expires_at timestamptz)
AS 'MODULE_PATHNAME', 'neon_s3_begin_upload' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100;

COMMENT ON FUNCTION s3_begin_upload(text, text, text, interval, text, bigint, bytea, boolean, jsonb) IS
'Inserts the row of a new file into the governed files table (neon_s3.files_table) with the caller''s rights, and returns the presigned PUT URL for it and the headers to send with it, verbatim: no row, no URL. Row-level security decides. columns: further columns of the row, by name. The key and the URL are the bucket''s of the table; what exceeds the table''s limits is 22023.';

CREATE FUNCTION s3_begin_multipart_upload(
  file_name text, content_type text, user_id text, content_length bigint, part_size bigint DEFAULT NULL,
  expires_in interval DEFAULT NULL, key_prefix text DEFAULT '', columns jsonb DEFAULT NULL,
  OUT id bigint, OUT object_key text, OUT file_url text, OUT upload_id text, OUT part_size bigint,
  OUT part_count integer, OUT expires_at timestamptz)
AS 'MODULE_PATHNAME', 'neon_s3_begin_multipart_upload' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_begin_multipart_upload(text, text, text, bigint, bigint, interval, text, jsonb) IS
'The same as s3_begin_upload for a large file, which clients upload in parts with the URLs of s3_upload_part_urls. part_size: by default 8 MiB, or what 10,000 parts need.';

CREATE FUNCTION s3_upload_part_urls(object_key text, part_numbers integer[] DEFAULT NULL, expires_in interval DEFAULT NULL)
RETURNS TABLE (part_number integer, size bigint, presigned_url text)
AS 'MODULE_PATHNAME', 'neon_s3_upload_part_urls' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 100;

COMMENT ON FUNCTION s3_upload_part_urls(text, integer[], interval) IS
'Presigned PUT URLs for parts of a multipart upload under way, each for a part of exactly that size; by default for those that have not been uploaded yet. For who may update the file''s row: 42501 for any other key. Extends the upload''s expiry.';

CREATE FUNCTION s3_uploaded_parts(object_key text)
RETURNS TABLE (part_number integer, size bigint, etag text)
AS 'MODULE_PATHNAME', 'neon_s3_uploaded_parts' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000 ROWS 100;

COMMENT ON FUNCTION s3_uploaded_parts(text) IS
'The parts of a multipart upload under way that S3 has, for who may select the file''s row; 42501 for any other key.';

CREATE FUNCTION s3_confirm_upload(
  INOUT object_key text,
  OUT size bigint, OUT etag text, OUT content_type text, OUT version_id text, OUT last_modified timestamptz)
AS 'MODULE_PATHNAME', 'neon_s3_confirm_upload' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_confirm_upload(text) IS
'Looks at the object of an upload whose row the caller may select, and compares it with what was promised: a missing object is P0002, another length, type or checksum 55000. A multipart upload is completed first, from the parts that S3 has. What was measured is recorded in the columns size, etag, content_type, version_id, checksum_sha256 and confirmed_at, where the files table has them, as the table''s owner; the upload is pending no longer. May be repeated.';

CREATE FUNCTION s3_abort_upload(object_key text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'neon_s3_abort_upload' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100;

COMMENT ON FUNCTION s3_abort_upload(text) IS
'Deletes the row of an upload that has not been confirmed, with the caller''s rights, and its object once that is committed. False where the upload has ended already: nothing is deleted then. 42501 where there is no such row that the caller may delete.';

CREATE FUNCTION s3_file_url(object_key text, expires_in interval DEFAULT NULL, download_as text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_file_url' LANGUAGE C STABLE PARALLEL RESTRICTED COST 20;

COMMENT ON FUNCTION s3_file_url(text, interval, text) IS
'Presigned URL that downloads a file whose row in the governed files table (neon_s3.files_table) the caller may select; 42501 for any other key. Writes nothing, works on a standby. NULL for a NULL key.';

CREATE FUNCTION s3_pending_uploads(
  OUT object_key text, OUT expires_at timestamptz, OUT content_type text, OUT content_length bigint,
  OUT upload_id text, OUT begun_at timestamptz, OUT begun_by text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'neon_s3_pending_uploads' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000 ROWS 100;

COMMENT ON FUNCTION s3_pending_uploads() IS
'The rows of s3_uploads.';

CREATE VIEW s3_uploads AS
  SELECT u.object_key, u.expires_at, u.content_type, u.content_length, u.upload_id, u.begun_at, u.begun_by
    FROM s3_pending_uploads() AS u;

COMMENT ON VIEW s3_uploads IS
'Uploads that have been begun and neither confirmed nor aborted, whose rows the caller may select; roles that may execute s3_presign_get see all of them. expires_at: when the last URL for it ends.';

GRANT SELECT ON s3_uploads TO PUBLIC;

-- ---------------------------------------------------------------- lifecycle: the outbox

CREATE VIEW s3_outbox WITH (security_barrier) AS
  SELECT q.object_key, q.bucket, q.server, q.enqueued_at, q.attempts, q.next_attempt_at, q.last_error,
         CASE WHEN EXISTS (SELECT FROM s3_lifecycle_identity AS l WHERE l.as_branch AND q.enqueued_at OPERATOR(pg_catalog.<) l.armed_at)
              THEN 'kept' ELSE q.state END AS state
    FROM s3_delete_queue AS q
   WHERE s3_require_trusted()
  UNION ALL
  SELECT k.object_key, b.bucket, b.server, b.enqueued_at, 0, b.due_at, NULL,
         CASE WHEN EXISTS (SELECT FROM s3_lifecycle_identity AS l WHERE l.as_branch AND b.enqueued_at OPERATOR(pg_catalog.<) l.armed_at)
              THEN 'kept' ELSE 'pending' END
    FROM s3_bulk_deletes AS b, pg_catalog.unnest(b.object_keys) AS k (object_key)
   WHERE s3_require_trusted();

COMMENT ON VIEW s3_outbox IS
'Objects to be deleted, for roles that may execute s3_presign_get. state: pending (due at next_attempt_at), running, dead (see s3_retry_outbox), kept (of a branch''s original, which alone may delete them).';

GRANT SELECT ON s3_outbox TO PUBLIC;

CREATE FUNCTION s3_retry_outbox(object_key text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'neon_s3_retry_outbox' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

COMMENT ON FUNCTION s3_retry_outbox(text) IS
'Makes dead items of the outbox, those of a key or all, pending again, and returns how many. For roles that may execute s3_presign_get.';

CREATE PROCEDURE s3_run_outbox(max_items integer DEFAULT 1000)
AS 'MODULE_PATHNAME', 'neon_s3_run_outbox' LANGUAGE C;

COMMENT ON PROCEDURE s3_run_outbox(integer) IS
'Deletes objects of the outbox that are due, up to max_items, and commits after each batch: CALL it outside of a transaction block, as often as deletes shall reach the bucket, by several sessions at once if need be. What fails is tried again later, 10 times at most (see s3_outbox and s3_retry_outbox). A key that has a row again is left alone. No transaction is held open, and nothing locked, while S3 is asked.';
REVOKE EXECUTE ON PROCEDURE s3_run_outbox(integer) FROM PUBLIC;

CREATE FUNCTION s3_gc(
  older_than interval DEFAULT '1 day', dry_run boolean DEFAULT true, files_table regclass DEFAULT 's3_files'::text::regclass,
  OUT kind text, OUT object_key text, OUT size bigint, OUT action text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'neon_s3_gc' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1000;

COMMENT ON FUNCTION s3_gc(interval, boolean, regclass) IS
'Compares a governed table with its bucket, as far as the bucket''s objects are older than older_than, and tells what differs: expired_upload, object_without_row, row_without_object, abandoned_multipart. With dry_run => false, it also confirms expired uploads whose objects are as promised and removes the others (blocked: a foreign key holds the row), aborts multipart uploads, and puts objects without a row into the outbox. It touches only what was issued here since s3_arm_lifecycle; all else is foreign.';
REVOKE EXECUTE ON FUNCTION s3_gc(interval, boolean, regclass) FROM PUBLIC;

CREATE FUNCTION s3_arm_lifecycle(as_branch boolean DEFAULT false)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_arm_lifecycle' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

COMMENT ON FUNCTION s3_arm_lifecycle(boolean) IS
'Makes this very database the owner of its objects'' lifecycle; copies of it delete nothing. In a copy, as_branch => true makes it a branch: what it inherited is never deleted from here, what it uploads itself is its own. For superusers.';
REVOKE EXECUTE ON FUNCTION s3_arm_lifecycle(boolean) FROM PUBLIC;

-- ---------------------------------------------------------------- objects

CREATE FUNCTION s3_put_object(
  key text, body bytea, content_type text DEFAULT NULL, metadata jsonb DEFAULT NULL, overwrite boolean DEFAULT true, bucket text DEFAULT NULL, server text DEFAULT NULL, headers jsonb DEFAULT NULL,
  OUT etag text, OUT version_id text)
AS 'MODULE_PATHNAME', 'neon_s3_put_object' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_put_object(text, bytea, text, jsonb, boolean, text, text, jsonb) IS
'Writes an object. metadata: an object of strings, stored as x-amz-meta-*. headers: more of them, such as cache-control, x-amz-storage-class, or those of SSE-C. overwrite => false: only where there is no such object (38000 where there is). The object is there whatever becomes of the transaction. NULL for a NULL key or body.';
REVOKE EXECUTE ON FUNCTION s3_put_object(text, bytea, text, jsonb, boolean, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION s3_get_object(
  key text, range_start bigint DEFAULT NULL, range_length bigint DEFAULT NULL, version_id text DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL, headers jsonb DEFAULT NULL)
RETURNS bytea
AS 'MODULE_PATHNAME', 'neon_s3_get_object' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;

COMMENT ON FUNCTION s3_get_object(text, bigint, bigint, text, text, text, jsonb) IS
'Reads an object, or range_length bytes of it from range_start (0 is the first byte) on. P0002 where there is none; 54000 where it is larger than neon_s3.max_response_size: s3_get_large_object has no such limit. headers: those of SSE-C, x-amz-request-payer and the like. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_get_object(text, bigint, bigint, text, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION s3_put_large_object(
  key text, lo oid, content_type text DEFAULT NULL, metadata jsonb DEFAULT NULL, overwrite boolean DEFAULT true, bucket text DEFAULT NULL, server text DEFAULT NULL, headers jsonb DEFAULT NULL,
  OUT etag text, OUT version_id text)
AS 'MODULE_PATHNAME', 'neon_s3_put_large_object' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_put_large_object(text, oid, text, jsonb, boolean, text, text, jsonb) IS
'Writes the content of a large object as an object, more than 8 MiB as a multipart upload of several parts at once: memory stays bounded. headers as in s3_put_object. NULL for a NULL key or lo.';
REVOKE EXECUTE ON FUNCTION s3_put_large_object(text, oid, text, jsonb, boolean, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION s3_get_large_object(
  key text, lo oid DEFAULT NULL, version_id text DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL, headers jsonb DEFAULT NULL)
RETURNS oid
AS 'MODULE_PATHNAME', 'neon_s3_get_large_object' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_get_large_object(text, oid, text, text, text, jsonb) IS
'Reads an object into a large object, whose content it replaces; by default into a new one. In ranges of 8 MiB, several at once: memory stays bounded. Gives the large object''s OID. headers as in s3_get_object. P0002 where there is no such object. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_get_large_object(text, oid, text, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION s3_head_object(
  key text, version_id text DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL, headers jsonb DEFAULT NULL,
  OUT key text, OUT size bigint, OUT etag text, OUT content_type text, OUT last_modified timestamptz, OUT version_id text, OUT storage_class text, OUT metadata jsonb)
AS 'MODULE_PATHNAME', 'neon_s3_head_object' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;

COMMENT ON FUNCTION s3_head_object(text, text, text, text, jsonb) IS
'What S3 knows of an object; etag without its quotes, metadata without x-amz-meta-. headers as in s3_get_object. P0002 where there is none. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_head_object(text, text, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION s3_object_exists(
  key text, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'neon_s3_object_exists' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;

COMMENT ON FUNCTION s3_object_exists(text, text, text) IS
'Whether there is such an object. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_object_exists(text, text, text) FROM PUBLIC;

CREATE FUNCTION s3_copy_object(
  source_key text, key text, source_bucket text DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL, headers jsonb DEFAULT NULL,
  OUT etag text, OUT version_id text)
AS 'MODULE_PATHNAME', 'neon_s3_copy_object' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_copy_object(text, text, text, text, text, jsonb) IS
'Copies an object within the server, with its headers, metadata and tags: from source_bucket, by default the same bucket; more than 5 GiB in parts, several at once. headers replace those of the source, x-amz-meta-* all of its metadata, and x-amz-tagging its tags. P0002 where there is none. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_copy_object(text, text, text, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION s3_delete_object(
  key text, version_id text DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_delete_object' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_delete_object(text, text, text, text) IS
'Deletes an object, or one version of it; in a versioned bucket without version_id it only gets a delete marker. There need not be one. It is gone whatever becomes of the transaction.';
REVOKE EXECUTE ON FUNCTION s3_delete_object(text, text, text, text) FROM PUBLIC;

CREATE FUNCTION s3_delete_objects(
  keys text[], bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS TABLE (key text, deleted boolean, code text, message text)
AS 'MODULE_PATHNAME', 'neon_s3_delete_objects' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1000;

COMMENT ON FUNCTION s3_delete_objects(text[], text, text) IS
'Deletes many objects, up to 1000 a request and several requests at once: one row for each key, in the order of keys. What S3 refuses for one key is told in its row.';
REVOKE EXECUTE ON FUNCTION s3_delete_objects(text[], text, text) FROM PUBLIC;

CREATE FUNCTION s3_head_objects(
  keys text[], bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS TABLE (key text, found boolean, size bigint, etag text, content_type text, last_modified timestamptz, error text)
AS 'MODULE_PATHNAME', 'neon_s3_head_objects' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000 ROWS 1000;

COMMENT ON FUNCTION s3_head_objects(text[], text, text) IS
'What S3 knows of many objects, asked several at once: one row for each key, in the order of keys. error: what went wrong for this key alone.';
REVOKE EXECUTE ON FUNCTION s3_head_objects(text[], text, text) FROM PUBLIC;

CREATE FUNCTION s3_put_objects(
  keys text[], bodies bytea[], content_type text DEFAULT NULL, metadata jsonb DEFAULT NULL, overwrite boolean DEFAULT true,
  bucket text DEFAULT NULL, server text DEFAULT NULL, headers jsonb DEFAULT NULL)
RETURNS TABLE (key text, etag text, version_id text, code text, message text)
AS 'MODULE_PATHNAME', 'neon_s3_put_objects' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1000;

COMMENT ON FUNCTION s3_put_objects(text[], bytea[], text, jsonb, boolean, text, text, jsonb) IS
'Writes many objects, several at once: one row for each key, in the order of keys. bodies has one content for each key; content_type, metadata, overwrite and headers are those of s3_put_object, for all of them. code and message: why this key was not written. A key may be there only once.';
REVOKE EXECUTE ON FUNCTION s3_put_objects(text[], bytea[], text, jsonb, boolean, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION s3_get_objects(
  keys text[], bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS TABLE (key text, body bytea, code text, message text)
AS 'MODULE_PATHNAME', 'neon_s3_get_objects' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000 ROWS 1000;

COMMENT ON FUNCTION s3_get_objects(text[], text, text) IS
'Reads many objects, several at once: one row for each key, in the order of keys. code and message: why this key was not read, such as NoSuchKey. Objects are limited to neon_s3.max_response_size each.';
REVOKE EXECUTE ON FUNCTION s3_get_objects(text[], text, text) FROM PUBLIC;

CREATE FUNCTION s3_list_objects(
  prefix text DEFAULT '', delimiter text DEFAULT NULL, start_after text DEFAULT NULL, max_keys bigint DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS TABLE (key text, size bigint, etag text, last_modified timestamptz, storage_class text, is_prefix boolean)
AS 'MODULE_PATHNAME', 'neon_s3_list_objects' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000 ROWS 1000;

COMMENT ON FUNCTION s3_list_objects(text, text, text, bigint, text, text) IS
'The objects whose keys start with prefix and come after start_after, by the bytes of their keys; max_keys of them at most. With a delimiter, keys that have it after the prefix are rolled up into one row each, is_prefix. Page by page, in bounded memory.';
REVOKE EXECUTE ON FUNCTION s3_list_objects(text, text, text, bigint, text, text) FROM PUBLIC;

-- ---------------------------------------------------------------- multipart uploads

CREATE FUNCTION s3_create_multipart_upload(
  key text, content_type text DEFAULT NULL, metadata jsonb DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL, headers jsonb DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_create_multipart_upload' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_create_multipart_upload(text, text, jsonb, text, text, jsonb) IS
'Begins a multipart upload and gives its upload id. Clients upload the parts with URLs of s3_presign_upload_part. headers as in s3_put_object. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_create_multipart_upload(text, text, jsonb, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION s3_complete_multipart_upload(
  key text, upload_id text, parts jsonb, bucket text DEFAULT NULL, server text DEFAULT NULL,
  OUT etag text, OUT version_id text)
AS 'MODULE_PATHNAME', 'neon_s3_complete_multipart_upload' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_complete_multipart_upload(text, text, jsonb, text, text) IS
'Makes an object of the parts that were uploaded: [{"part_number": 1, "etag": "..."}, ...], with the ETag headers that came back with them. NULL for a NULL argument of these.';
REVOKE EXECUTE ON FUNCTION s3_complete_multipart_upload(text, text, jsonb, text, text) FROM PUBLIC;

CREATE FUNCTION s3_abort_multipart_upload(
  key text, upload_id text, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_abort_multipart_upload' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_abort_multipart_upload(text, text, text, text) IS
'Gives a multipart upload up, and its parts. P0002 where there is none.';
REVOKE EXECUTE ON FUNCTION s3_abort_multipart_upload(text, text, text, text) FROM PUBLIC;

CREATE FUNCTION s3_list_parts(
  key text, upload_id text, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS TABLE (part_number integer, size bigint, etag text, last_modified timestamptz)
AS 'MODULE_PATHNAME', 'neon_s3_list_parts' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000 ROWS 100;

COMMENT ON FUNCTION s3_list_parts(text, text, text, text) IS
'The parts of a multipart upload that have been uploaded, by number.';
REVOKE EXECUTE ON FUNCTION s3_list_parts(text, text, text, text) FROM PUBLIC;

CREATE FUNCTION s3_list_multipart_uploads(
  prefix text DEFAULT '', bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS TABLE (key text, upload_id text, initiated timestamptz, storage_class text)
AS 'MODULE_PATHNAME', 'neon_s3_list_multipart_uploads' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000 ROWS 100;

COMMENT ON FUNCTION s3_list_multipart_uploads(text, text, text) IS
'The multipart uploads under way, of keys that start with prefix.';
REVOKE EXECUTE ON FUNCTION s3_list_multipart_uploads(text, text, text) FROM PUBLIC;

-- ---------------------------------------------------------------- buckets

CREATE FUNCTION s3_create_bucket(
  bucket text, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_create_bucket' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_create_bucket(text, text) IS
'Creates a bucket in the region that is set.';
REVOKE EXECUTE ON FUNCTION s3_create_bucket(text, text) FROM PUBLIC;

CREATE FUNCTION s3_delete_bucket(
  bucket text, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_delete_bucket' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_delete_bucket(text, text) IS
'Deletes a bucket, which must be empty. P0002 where there is none.';
REVOKE EXECUTE ON FUNCTION s3_delete_bucket(text, text) FROM PUBLIC;

CREATE FUNCTION s3_bucket_exists(
  bucket text, server text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'neon_s3_bucket_exists' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;

COMMENT ON FUNCTION s3_bucket_exists(text, text) IS
'Whether there is such a bucket, be it yours or somebody else''s. NULL for a NULL bucket.';
REVOKE EXECUTE ON FUNCTION s3_bucket_exists(text, text) FROM PUBLIC;

CREATE FUNCTION s3_list_buckets(
  server text DEFAULT NULL)
RETURNS TABLE (bucket text, created_at timestamptz)
AS 'MODULE_PATHNAME', 'neon_s3_list_buckets' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000 ROWS 100;

COMMENT ON FUNCTION s3_list_buckets(text) IS
'The buckets of the credentials'' owner.';
REVOKE EXECUTE ON FUNCTION s3_list_buckets(text) FROM PUBLIC;

CREATE FUNCTION s3_put_bucket_cors(
  rules jsonb, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_put_bucket_cors' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_put_bucket_cors(jsonb, text, text) IS
'Sets the CORS rules that let browsers use presigned URLs, in AWS''s JSON: an array of AllowedOrigins, AllowedMethods, AllowedHeaders, ExposeHeaders, MaxAgeSeconds. Replaces those there were.';
REVOKE EXECUTE ON FUNCTION s3_put_bucket_cors(jsonb, text, text) FROM PUBLIC;

CREATE FUNCTION s3_get_bucket_cors(
  bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'neon_s3_get_bucket_cors' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;

COMMENT ON FUNCTION s3_get_bucket_cors(text, text) IS
'The CORS rules, as s3_put_bucket_cors takes them; NULL where there are none.';
REVOKE EXECUTE ON FUNCTION s3_get_bucket_cors(text, text) FROM PUBLIC;

CREATE FUNCTION s3_delete_bucket_cors(
  bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_delete_bucket_cors' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_delete_bucket_cors(text, text) IS
'Removes the CORS rules.';
REVOKE EXECUTE ON FUNCTION s3_delete_bucket_cors(text, text) FROM PUBLIC;

CREATE FUNCTION s3_put_bucket_policy(
  policy jsonb, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_put_bucket_policy' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_put_bucket_policy(jsonb, text, text) IS
'Sets the bucket''s policy, in AWS''s JSON. Replaces the one there was.';
REVOKE EXECUTE ON FUNCTION s3_put_bucket_policy(jsonb, text, text) FROM PUBLIC;

CREATE FUNCTION s3_get_bucket_policy(
  bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'neon_s3_get_bucket_policy' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;

COMMENT ON FUNCTION s3_get_bucket_policy(text, text) IS
'The bucket''s policy; NULL where there is none.';
REVOKE EXECUTE ON FUNCTION s3_get_bucket_policy(text, text) FROM PUBLIC;

CREATE FUNCTION s3_delete_bucket_policy(
  bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_delete_bucket_policy' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_delete_bucket_policy(text, text) IS
'Removes the bucket''s policy.';
REVOKE EXECUTE ON FUNCTION s3_delete_bucket_policy(text, text) FROM PUBLIC;

CREATE FUNCTION s3_put_public_access_block(
  block boolean, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_put_public_access_block' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_put_public_access_block(boolean, text, text) IS
'Blocks or allows public access to the bucket, whatever its policy and ACLs say: all four of S3''s switches.';
REVOKE EXECUTE ON FUNCTION s3_put_public_access_block(boolean, text, text) FROM PUBLIC;

CREATE FUNCTION s3_get_public_access_block(
  bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'neon_s3_get_public_access_block' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;

COMMENT ON FUNCTION s3_get_public_access_block(text, text) IS
'The four switches of the public access block; NULL where none is set.';
REVOKE EXECUTE ON FUNCTION s3_get_public_access_block(text, text) FROM PUBLIC;

CREATE FUNCTION s3_put_bucket_lifecycle(
  rules jsonb, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_put_bucket_lifecycle' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_put_bucket_lifecycle(jsonb, text, text) IS
'Sets the lifecycle rules, in AWS''s JSON: an array of ID, Status, Filter, Expiration, AbortIncompleteMultipartUpload and so on. Replaces those there were.';
REVOKE EXECUTE ON FUNCTION s3_put_bucket_lifecycle(jsonb, text, text) FROM PUBLIC;

CREATE FUNCTION s3_get_bucket_lifecycle(
  bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'neon_s3_get_bucket_lifecycle' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;

COMMENT ON FUNCTION s3_get_bucket_lifecycle(text, text) IS
'The lifecycle rules, as s3_put_bucket_lifecycle takes them; NULL where there are none.';
REVOKE EXECUTE ON FUNCTION s3_get_bucket_lifecycle(text, text) FROM PUBLIC;

CREATE FUNCTION s3_delete_bucket_lifecycle(
  bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_delete_bucket_lifecycle' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_delete_bucket_lifecycle(text, text) IS
'Removes the bucket''s lifecycle rules.';
REVOKE EXECUTE ON FUNCTION s3_delete_bucket_lifecycle(text, text) FROM PUBLIC;

CREATE FUNCTION s3_put_bucket_versioning(
  enabled boolean, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_put_bucket_versioning' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_put_bucket_versioning(boolean, text, text) IS
'Keeps old versions of the bucket''s objects from now on, or stops to. The versions there are stay.';
REVOKE EXECUTE ON FUNCTION s3_put_bucket_versioning(boolean, text, text) FROM PUBLIC;

CREATE FUNCTION s3_get_bucket_versioning(
  bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_get_bucket_versioning' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;

COMMENT ON FUNCTION s3_get_bucket_versioning(text, text) IS
'Enabled or Suspended; NULL where versioning was never enabled.';
REVOKE EXECUTE ON FUNCTION s3_get_bucket_versioning(text, text) FROM PUBLIC;

CREATE FUNCTION s3_setup_bucket(
  bucket text, allowed_origins text[] DEFAULT NULL, public_read boolean DEFAULT false, server text DEFAULT NULL)
RETURNS TABLE (step text, done boolean, detail text)
AS 'MODULE_PATHNAME', 'neon_s3_setup_bucket' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 5;

COMMENT ON FUNCTION s3_setup_bucket(text, text[], boolean, text) IS
'Makes a bucket ready for presigned URLs: creates it where it does not exist; lets browsers from allowed_origins use it (CORS); blocks public access, or with public_read lets everybody read its objects; adds a lifecycle rule that aborts multipart uploads after 7 days, unless there is a rule for them. Tells each step; may be repeated. 22023 for an origin that no browser sends.';
REVOKE EXECUTE ON FUNCTION s3_setup_bucket(text, text[], boolean, text) FROM PUBLIC;

CREATE FUNCTION s3_doctor(
  bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS TABLE (check_name text, ok boolean, detail text, hint text)
AS 'MODULE_PATHNAME', 'neon_s3_doctor' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 11;

COMMENT ON FUNCTION s3_doctor(text, text) IS
'Tries the set-up out: settings, credentials, connection, clock, region, bucket, writing, reading and deleting a probe object, CORS. ok is NULL for what was not tried or is not known. Writes nothing in a read-only transaction. Never an error for what it finds.';
REVOKE EXECUTE ON FUNCTION s3_doctor(text, text) FROM PUBLIC;

-- ---------------------------------------------------------------- versions

CREATE FUNCTION s3_list_object_versions(
  prefix text DEFAULT '', max_keys bigint DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS TABLE (key text, version_id text, is_latest boolean, is_delete_marker boolean, size bigint, etag text, last_modified timestamptz, storage_class text)
AS 'MODULE_PATHNAME', 'neon_s3_list_object_versions' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000 ROWS 1000;

COMMENT ON FUNCTION s3_list_object_versions(text, bigint, text, text) IS
'All versions of the objects whose keys start with prefix, and their delete markers: by key, the newest first, max_keys rows at most. version_id is null (a text) for versions from before versioning. A marker has no size.';
REVOKE EXECUTE ON FUNCTION s3_list_object_versions(text, bigint, text, text) FROM PUBLIC;

CREATE FUNCTION s3_delete_object_versions(
  keys text[], version_ids text[], bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS TABLE (key text, version_id text, deleted boolean, code text, message text)
AS 'MODULE_PATHNAME', 'neon_s3_delete_object_versions' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1000;

COMMENT ON FUNCTION s3_delete_object_versions(text[], text[], text, text) IS
'Deletes versions and delete markers for good; version_ids[i] is one of keys[i]. One row for each, in their order, with S3''s Code and message for one that it did not delete. There need not be one. They are gone whatever becomes of the transaction.';
REVOKE EXECUTE ON FUNCTION s3_delete_object_versions(text[], text[], text, text) FROM PUBLIC;

CREATE FUNCTION s3_restore_version(
  key text, version_id text, bucket text DEFAULT NULL, server text DEFAULT NULL,
  OUT etag text, OUT version_id text)
RETURNS record
AS 'MODULE_PATHNAME', 'neon_s3_restore_version' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_restore_version(text, text, text, text) IS
'Makes an old version of an object the current one again: a copy of it becomes the newest version, with its metadata. P0002 where there is no such version. NULL for a NULL key or version_id.';
REVOKE EXECUTE ON FUNCTION s3_restore_version(text, text, text, text) FROM PUBLIC;

CREATE FUNCTION s3_move_object(
  source_key text, key text, bucket text DEFAULT NULL, server text DEFAULT NULL,
  OUT etag text, OUT version_id text)
RETURNS record
AS 'MODULE_PATHNAME', 'neon_s3_move_object' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_move_object(text, text, text, text) IS
'Gives an object another key: copies it with its metadata, then deletes source_key. Where the deletion fails, both are there. P0002 where there is no such object. NULL for a NULL key.';
REVOKE EXECUTE ON FUNCTION s3_move_object(text, text, text, text) FROM PUBLIC;

-- ---------------------------------------------------------------- moving data

CREATE FUNCTION s3_export_query(
  query text, key text, format text DEFAULT 'csv', options jsonb DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL,
  OUT rows bigint, OUT bytes bigint, OUT parts integer)
RETURNS record
AS 'MODULE_PATHNAME', 'neon_s3_export_query' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_export_query(text, text, text, jsonb, text, text) IS
'Writes what a query gives as an object, as COPY (query) TO would: csv, text or binary, with COPY''s options as an object, and "compression" (none, gzip or zstd; by default as the key ends: .gz or .zst). It is sent while the query runs, with the caller''s rights: memory stays bounded, and what fails or is cancelled leaves nothing. Gives the rows, the bytes of the object and the parts it was sent in. NULL for a NULL query or key.';
REVOKE EXECUTE ON FUNCTION s3_export_query(text, text, text, jsonb, text, text) FROM PUBLIC;

CREATE FUNCTION s3_import_table(
  target regclass, key text, format text DEFAULT 'csv', columns text[] DEFAULT NULL, options jsonb DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'neon_s3_import_table' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;

COMMENT ON FUNCTION s3_import_table(regclass, text, text, text[], jsonb, text, text) IS
'Reads an object into a table, as COPY FROM would, with the caller''s rights: format, options and compression as for s3_export_query. It is read while the rows are inserted: memory stays bounded. Gives the rows. P0002 where there is no such object; 22P04 for data that is cut or in another format; 0A000 where row-level security holds for the caller. NULL for a NULL target or key.';
REVOKE EXECUTE ON FUNCTION s3_import_table(regclass, text, text, text[], jsonb, text, text) FROM PUBLIC;

CREATE FUNCTION s3_settings(
  bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS TABLE (name text, value text, source text)
AS 'MODULE_PATHNAME', 'neon_s3_settings' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000 ROWS 15;

COMMENT ON FUNCTION s3_settings(text, text) IS
'What is in force for a bucket and server, and where each value comes from: an argument, a server option, a setting, the environment, a profile or a default. Secrets show as ****.';
REVOKE EXECUTE ON FUNCTION s3_settings(text, text) FROM PUBLIC;

-- ---------------------------------------------------------------- activity

CREATE FUNCTION s3_stat_get_progress(
  OUT pid integer, OUT operation text, OUT key text, OUT items_done bigint, OUT items_total bigint,
  OUT bytes_done bigint, OUT bytes_total bigint, OUT started_at timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'neon_s3_progress' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;

COMMENT ON FUNCTION s3_stat_get_progress() IS
'The rows of s3_progress.';

CREATE VIEW s3_progress AS
  SELECT p.pid, p.operation, p.key, p.items_done, p.items_total, p.bytes_done, p.bytes_total, p.started_at
    FROM s3_stat_get_progress() AS p;

COMMENT ON VIEW s3_progress IS
'What the sessions are doing with S3 now; NULL: not known. Sessions of roles whose privileges one does not have show only their pid, as in pg_stat_activity.';

CREATE FUNCTION s3_stat_get_operations(
  OUT operation text, OUT calls bigint, OUT errors bigint, OUT requests bigint, OUT retries bigint,
  OUT bytes_sent bigint, OUT bytes_received bigint, OUT total_time double precision, OUT presigned_urls bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'neon_s3_stats' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 40;

COMMENT ON FUNCTION s3_stat_get_operations() IS
'The rows of s3_stats.';

CREATE VIEW s3_stats AS
  SELECT o.operation, o.calls, o.errors, o.requests, o.retries, o.bytes_sent, o.bytes_received, o.total_time,
         o.presigned_urls
    FROM s3_stat_get_operations() AS o;

COMMENT ON VIEW s3_stats IS
'What all sessions together have done since the server started or s3_stats_reset(), by function: calls, those that failed, requests to S3 and their repetitions, bytes of bodies, milliseconds; for functions that presign, the URLs (those that failed are not counted).';

CREATE FUNCTION s3_stats_reset()
RETURNS void
AS 'MODULE_PATHNAME', 'neon_s3_stats_reset' LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION s3_stats_reset() IS
'Sets the numbers of s3_stats to zero.';
REVOKE EXECUTE ON FUNCTION s3_stats_reset() FROM PUBLIC;

GRANT SELECT ON s3_progress, s3_stats TO PUBLIC;
