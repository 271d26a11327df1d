-- neon_s3 1.0. No statement here mentions the extension's schema, so any schema name will do; nothing
-- is looked up along a caller's search_path but the files table.
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

CREATE FUNCTION s3_presign_put(
  key text, content_type text DEFAULT NULL, expires_in interval DEFAULT NULL, content_length bigint DEFAULT NULL,
  checksum_sha256 bytea DEFAULT NULL, overwrite boolean DEFAULT true,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign_put' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign_put(text, text, interval, bigint, bytea, boolean, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) that uploads an object with PUT. content_type, content_length, checksum_sha256 and overwrite => false are signed headers (content-type, content-length, x-amz-checksum-sha256 in base64, if-none-match: *): the client must send them, and the bucket refuses anything else. NULL for a NULL key.';

CREATE FUNCTION s3_presign_head(
  key text, expires_in interval DEFAULT NULL, version_id text DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign_head' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign_head(text, interval, text, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) that reads an object''s metadata with HEAD. NULL for a NULL key.';

CREATE FUNCTION s3_presign_delete(
  key text, expires_in interval DEFAULT NULL, version_id text DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign_delete' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign_delete(text, interval, text, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) that deletes an object with DELETE. NULL for a NULL key.';

CREATE FUNCTION s3_presign(
  method text, key text, expires_in interval DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign(text, text, interval, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) for any method (GET, HEAD, PUT, POST, DELETE) and operation. With a NULL key and a query, such as {"list-type": "2"}, the URL addresses the bucket itself; with a NULL key alone the result is NULL.';

CREATE FUNCTION s3_presign_explain(
  method text, key text, expires_in interval DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp(),
  OUT url text, OUT canonical_request text, OUT string_to_sign text, OUT credential_scope text, OUT signature text)
AS 'MODULE_PATHNAME', 'neon_s3_presign_explain' LANGUAGE C VOLATILE PARALLEL SAFE COST 6;

COMMENT ON FUNCTION s3_presign_explain(text, text, interval, text, text, jsonb, jsonb, timestamptz) IS
'What s3_presign signs, stage by stage, to be compared line by line with the CanonicalRequest and StringToSign of a server''s SignatureDoesNotMatch answer. Holds no key material, but the URL is as good as any.';

CREATE FUNCTION s3_presign_upload_part(
  key text, upload_id text, part_number integer, expires_in interval DEFAULT NULL,
  bucket text DEFAULT NULL, server text DEFAULT NULL, query jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp())
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_presign_upload_part' LANGUAGE C VOLATILE PARALLEL SAFE COST 3;

COMMENT ON FUNCTION s3_presign_upload_part(text, text, integer, interval, text, text, jsonb, jsonb, timestamptz) IS
'Presigned URL (AWS Signature Version 4) that uploads one part, 1 to 10000, of a multipart upload with PUT. NULL for a NULL key, upload_id or part_number.';

CREATE FUNCTION s3_presign_post(
  key text, expires_in interval DEFAULT NULL, content_type text DEFAULT NULL,
  min_length bigint DEFAULT NULL, max_length bigint DEFAULT NULL,
  fields jsonb DEFAULT NULL, conditions jsonb DEFAULT NULL, bucket text DEFAULT NULL, server text DEFAULT NULL,
  signed_at timestamptz DEFAULT clock_timestamp(),
  OUT url text, OUT fields jsonb)
AS 'MODULE_PATHNAME', 'neon_s3_presign_post' LANGUAGE C VOLATILE PARALLEL SAFE COST 10;

COMMENT ON FUNCTION s3_presign_post(text, interval, text, bigint, bigint, jsonb, jsonb, text, text, timestamptz) IS
'A signed POST policy, for uploads from an HTML form: the form''s action, and all of its fields but the file, which comes last. A key that ends in ${filename} takes the name of the client''s file. content_type and fields become fields and exact conditions; min_length and max_length (bytes) limit the file; conditions are POST policy conditions to add. What contradicts itself is an error. NULL for a NULL key.';

CREATE FUNCTION s3_public_url(key text, bucket text DEFAULT NULL, server text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'neon_s3_public_url' LANGUAGE C STABLE PARALLEL SAFE;

COMMENT ON FUNCTION s3_public_url(text, text, text) IS
'Unsigned URL of an object, its key percent-encoded: good where the bucket lets everybody read. NULL for a NULL key.';

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

CREATE FUNCTION s3_recall_upload(object_key text, OUT content_type text, OUT content_length bigint)
AS 'MODULE_PATHNAME', 'neon_s3_recall_upload' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION s3_recall_upload(text) IS
'What s3_presign_upload signed for this key, as far as this session remembers (its last 1000 uploads). For s3_save_metadata.';

CREATE FUNCTION s3_insert_file(
  new_key text, new_url text, new_user text, new_type text, new_size bigint,
  OUT id bigint, OUT object_key text, OUT file_url text, OUT user_id text, OUT upload_timestamp timestamptz)
LANGUAGE plpgsql VOLATILE
AS $function$
DECLARE
  files_name pg_catalog.text := pg_catalog.current_setting('neon_s3.files_table');
  files pg_catalog.regclass := pg_catalog.to_regclass(files_name);
  more_columns pg_catalog.text;
  more_values pg_catalog.text;
BEGIN
  IF files IS NULL THEN
    RAISE EXCEPTION 'files table "%" does not exist', files_name
      USING ERRCODE = 'undefined_table',
            HINT = 'Create it with s3_create_files_table(), or set neon_s3.files_table.';
  END IF;
  SELECT pg_catalog.string_agg(pg_catalog.format(', %I', a.attname), '' ORDER BY a.attnum),
         pg_catalog.string_agg(CASE WHEN a.attname OPERATOR(pg_catalog.=) 'size'::pg_catalog.name THEN ', $5' ELSE ', $4' END, '' ORDER BY a.attnum)
    INTO more_columns, more_values
    FROM pg_catalog.pg_attribute a
   WHERE a.attrelid OPERATOR(pg_catalog.=) files::pg_catalog.oid
     AND NOT a.attisdropped
     AND (a.attname OPERATOR(pg_catalog.=) 'content_type'::pg_catalog.name AND new_type IS NOT NULL
          OR a.attname OPERATOR(pg_catalog.=) 'size'::pg_catalog.name AND new_size IS NOT NULL);
  EXECUTE pg_catalog.format(
    'INSERT INTO %s (object_key, file_url, user_id%s) VALUES ($1, $2, $3%s) '
    'RETURNING id, object_key, file_url, user_id, upload_timestamp', files, more_columns, more_values)
    USING new_key, new_url, new_user, new_type, new_size
    INTO STRICT id, object_key, file_url, user_id, upload_timestamp;
END
$function$;

COMMENT ON FUNCTION s3_insert_file(text, text, text, text, bigint) IS
'Inserts one row into the files table (neon_s3.files_table along the search_path) with the caller''s rights; content_type and size too, where the table has those columns and they are known. For s3_save_metadata.';

CREATE FUNCTION s3_save_metadata(
  object_key text, public_file_url text, user_id text,
  OUT id bigint, OUT object_key text, OUT file_url text, OUT user_id text, OUT upload_timestamp timestamptz)
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT f.id, f.object_key, f.file_url, f.user_id, f.upload_timestamp
    FROM s3_recall_upload(s3_save_metadata.object_key) AS u,
         LATERAL s3_insert_file(s3_save_metadata.object_key, s3_save_metadata.public_file_url,
                                s3_save_metadata.user_id, u.content_type, u.content_length) AS f;
END;

COMMENT ON FUNCTION s3_save_metadata(text, text, text) IS
'Inserts an uploaded file''s row into the files table (neon_s3.files_table, found along the search_path) with the caller''s rights, and returns it. Where the table has columns content_type and size, they are filled with what s3_presign_upload signed for the key in this session.';

-- ---------------------------------------------------------------- who may

-- Whoever signs acts with the server's credentials.
REVOKE EXECUTE ON FUNCTION
  s3_presign_get(text, interval, text, text, text, text, jsonb, jsonb, timestamptz),
  s3_presign_put(text, text, interval, bigint, bytea, boolean, text, text, jsonb, jsonb, timestamptz),
  s3_presign_head(text, interval, text, text, text, jsonb, jsonb, timestamptz),
  s3_presign_delete(text, interval, text, text, text, jsonb, jsonb, timestamptz),
  s3_presign(text, text, interval, text, text, jsonb, jsonb, timestamptz),
  s3_presign_explain(text, text, interval, text, text, jsonb, jsonb, timestamptz),
  s3_presign_upload_part(text, text, integer, interval, text, text, jsonb, jsonb, timestamptz),
  s3_presign_post(text, interval, text, bigint, bigint, jsonb, jsonb, text, text, timestamptz),
  s3_presign_upload(text, text, interval, text, bigint, bytea, boolean, text, text)
FROM PUBLIC;
