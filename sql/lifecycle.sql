-- Governed tables: who may insert what, what deletes enqueue, whose objects they are.
CREATE EXTENSION neon_s3;
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'examplebucket';
SET neon_s3.server = '';
\set SHOW_CONTEXT never
\set VERBOSITY sqlstate
CREATE ROLE regress_s3_user;
CREATE ROLE regress_s3_trusted;
GRANT EXECUTE ON FUNCTION s3_presign_get TO regress_s3_trusted;
GRANT CREATE ON SCHEMA public TO regress_s3_trusted, regress_s3_user;

-- what can be tracked, and by whom
SELECT s3_track_files();
SELECT s3_track_files(NULL);
SELECT s3_create_files_table();
SET ROLE regress_s3_trusted;
SELECT s3_track_files();
RESET ROLE;
ALTER TABLE s3_files OWNER TO regress_s3_user;
SET ROLE regress_s3_user;
SELECT s3_track_files();
RESET ROLE;
SELECT s3_track_files();
ALTER TABLE s3_files OWNER TO regress_s3_trusted;
\set VERBOSITY default
SELECT s3_track_files();
ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON s3_files USING (true);
SET ROLE regress_s3_trusted;
SELECT s3_track_files(key_prefix => 'files/', max_size => 1000, content_types => '{image/*,text/plain}');
TABLE s3_tracked_files;
SELECT s3_track_files(content_types => '{image}');
SELECT s3_track_files(max_size => -1);
SELECT s3_track_files(key_prefix => '../');
SELECT s3_track_files(server => 'nowhere');
RESET ROLE;
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 's3_files'::regclass ORDER BY 1;
\set VERBOSITY sqlstate

CREATE VIEW a_view AS SELECT * FROM s3_files;
SELECT s3_track_files('a_view');
CREATE TEMP TABLE temporary (object_key text UNIQUE);
SELECT s3_track_files('temporary');
CREATE TABLE no_index (object_key text);
SELECT s3_track_files('no_index');
CREATE TABLE no_key (id int);
SELECT s3_track_files('no_key');
CREATE TABLE generated (id text, object_key text GENERATED ALWAYS AS (id || 'x') STORED UNIQUE);
SELECT s3_track_files('generated');
CREATE TABLE parent (object_key text UNIQUE);
CREATE TABLE child () INHERITS (parent);
SELECT s3_track_files('parent');
CREATE TABLE cascading (object_key text UNIQUE REFERENCES parent (object_key) ON UPDATE CASCADE);
SELECT s3_track_files('cascading');
DROP TABLE no_index, no_key, generated, parent, child, cascading, temporary;
DROP VIEW a_view;

-- the insert guard, the key and what is measured
\set VERBOSITY default
ALTER TABLE s3_files ADD size bigint, ADD note text;
GRANT ALL ON s3_files, s3_files_id_seq TO regress_s3_user;
INSERT INTO s3_files (object_key, file_url, user_id) SELECT k, 'u', 'me' FROM unnest('{a,b,c}'::text[]) k;
SET ROLE regress_s3_user;
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('x', 'u', 'me');
\set VERBOSITY sqlstate
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('a', 'u', 'me') ON CONFLICT (object_key) DO UPDATE SET note = 'y';
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('a', 'u', 'me') ON CONFLICT DO NOTHING;
INSERT INTO s3_files (object_key, file_url, user_id) VALUES (NULL, 'u', 'me');
MERGE INTO s3_files f USING (VALUES ('x')) v (k) ON f.object_key = v.k WHEN NOT MATCHED THEN INSERT (object_key, file_url, user_id) VALUES (k, 'u', 'me');
RESET ROLE;
ALTER TABLE s3_files DISABLE ROW LEVEL SECURITY;
SET ROLE regress_s3_user;
COPY s3_files (object_key, file_url, user_id) FROM STDIN;
x	u	me
\.
RESET ROLE;
ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY;
SET ROLE regress_s3_user;
SELECT * FROM s3_save_metadata('x', 'u', 'me');
UPDATE s3_files SET object_key = 'x' WHERE object_key = 'a';
UPDATE s3_files SET size = 1;
UPDATE s3_files SET file_url = 'v';
UPDATE s3_files SET size = NULL, file_url = 'u', note = 'z';
SELECT s3_guard_files();
TABLE s3_outbox;
TABLE s3_tracked_files;
SELECT s3_retry_outbox();
SELECT s3_arm_lifecycle();
SELECT s3_untrack_files();
TABLE s3_delete_queue;
TABLE s3_bulk_deletes;
TABLE s3_issued_keys;
RESET ROLE;

-- uploads begun
\set VERBOSITY default
SET ROLE regress_s3_user;
SELECT object_key, file_url, method, headers FROM s3_begin_upload('a b.png', 'image/png', 'me', content_length => 10, key_prefix => 'u/', checksum_sha256 => sha256('x'), columns => '{"note": "hello", "upload_timestamp": "2026-01-02 03:04Z"}') \gset
SELECT regexp_replace(:'object_key', '[0-9a-f-]{36}', 'UUID') AS object_key, :'file_url' = s3_public_url(:'object_key') AS file_url, :'method' AS method, :'headers' AS headers;
SELECT note, size, user_id FROM s3_files WHERE object_key = :'object_key';
SELECT object_key = :'object_key' AS key, content_type, content_length, upload_id, begun_by, expires_at - begun_at <= '5 min' AS soon FROM s3_uploads;
SELECT s3_file_url(:'object_key', '1 h', 'a b') LIKE :'file_url' || '?response-content-disposition=attachment%X-Amz-Expires=3600%' AS file_url, s3_file_url(NULL) IS NULL AS nothing;
SELECT s3_begin_upload('a', 'image/png', 'me');
SELECT s3_begin_upload('a', 'image/png', 'me', content_length => 1001);
SELECT s3_begin_upload('a', 'text/html', 'me', content_length => 1);
SELECT s3_begin_upload('a', NULL, 'me', content_length => 1);
SELECT s3_begin_upload('a', 'image/png', 'me', content_length => 1, overwrite => true);
SELECT s3_begin_upload('a', 'image/png', 'me', content_length => 1, columns => '{"size": 1}');
SELECT s3_begin_upload('a', 'image/png', 'me', content_length => 1, columns => '{"other": 1}');
SELECT s3_begin_upload('a', 'image/png', 'me', content_length => 1, columns => '[]');
SELECT s3_begin_upload(NULL, 'image/png', 'me', content_length => 1);
SELECT s3_file_url('absent');
SELECT s3_abort_upload('absent');
SELECT s3_abort_upload('a'), s3_abort_upload(:'object_key'), s3_abort_upload(NULL);
SELECT count(*) FROM s3_uploads;
SET neon_s3.files_table = 'absent';
SELECT s3_begin_upload('a', 'image/png', 'me', content_length => 1);
RESET neon_s3.files_table;
RESET ROLE;
SELECT headers, expires_at - now() > '1 h' AS late FROM s3_begin_upload('a', 'TEXT/PLAIN; charset=utf-8', 'me', '2 h', content_length => 1, overwrite => true);
SELECT content_type, pending FROM s3_issued_keys ORDER BY begun_at;
SELECT count(*) FROM s3_delete_queue;
DELETE FROM s3_files WHERE length(object_key) > 1;
DELETE FROM s3_delete_queue;
\set VERBOSITY sqlstate

-- deletes
CREATE VIEW outbox AS SELECT object_key, bucket, server, attempts, date_trunc('hour', next_attempt_at - enqueued_at) AS delay, state FROM s3_outbox ORDER BY object_key COLLATE "C";
SET ROLE regress_s3_user;
DELETE FROM s3_files WHERE object_key = 'a';
BEGIN;
DELETE FROM s3_files;
SAVEPOINT s;
ROLLBACK;
SELECT user_id FROM s3_save_metadata('a', 'u', 'me');
RESET ROLE;
TABLE outbox;
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('a', 'u', 'me');
TABLE outbox;
SET neon_s3.delete_delay = '1 h';
DELETE FROM s3_files WHERE object_key <> 'c';
UPDATE s3_files SET object_key = 'd';
TABLE outbox;
RESET neon_s3.delete_delay;
UPDATE s3_delete_queue SET state = 'running', next_attempt_at = now() + interval '1 min' WHERE object_key = 'a';
UPDATE s3_delete_queue SET state = 'running', next_attempt_at = now() - interval '1 min' WHERE object_key = 'b';
UPDATE s3_delete_queue SET state = 'dead', attempts = 10 WHERE object_key = 'c';
\set VERBOSITY default
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('a', 'u', 'me');
\set VERBOSITY sqlstate
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('b', 'u', 'me');
TABLE outbox;
SELECT s3_retry_outbox('x'), s3_retry_outbox('c'), s3_retry_outbox();
TABLE outbox;
DELETE FROM s3_delete_queue;

-- deletes that are taken back, and those of MERGE
INSERT INTO s3_files (object_key, file_url, user_id) SELECT k, 'u', 'me' FROM unnest('{ma,mb,mc,md,me}'::text[]) k;
DELETE FROM s3_files WHERE object_key LIKE 'm_';
SELECT object_key, state FROM outbox;
SET ROLE regress_s3_trusted;
COPY s3_files (object_key, file_url, user_id) FROM STDIN;
ma	u	me
\.
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('mb', 'u', 'me') ON CONFLICT (object_key) DO UPDATE SET note = 'again';
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('mc', 'u', 'me') ON CONFLICT DO NOTHING;
MERGE INTO s3_files f USING (VALUES ('mc'), ('md')) v (k) ON f.object_key = v.k WHEN NOT MATCHED THEN INSERT (object_key, file_url, user_id) VALUES (k, 'u', 'me');
RESET ROLE;
SELECT object_key, state FROM outbox;
MERGE INTO s3_files f USING (VALUES ('ma'), ('me')) v (k) ON f.object_key = v.k WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (object_key, file_url, user_id) VALUES (k, 'u', 'me');
SELECT object_key, state FROM outbox;
SET ROLE regress_s3_user;
MERGE INTO s3_files f USING (VALUES ('mb')) v (k) ON f.object_key = v.k WHEN MATCHED THEN DELETE;
BEGIN;
DELETE FROM s3_files WHERE object_key = 'mc';
SAVEPOINT s;
DELETE FROM s3_files WHERE object_key = 'md';
ROLLBACK TO SAVEPOINT s;
COMMIT;
RESET ROLE;
BEGIN;
SAVEPOINT s;
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('ma', 'u', 'me');
SELECT object_key, state FROM outbox;
ROLLBACK TO SAVEPOINT s;
COMMIT;
SELECT object_key, state FROM outbox;
SELECT object_key FROM s3_files WHERE object_key LIKE 'm_' ORDER BY 1;
DELETE FROM s3_files WHERE object_key LIKE 'm_';
DELETE FROM s3_delete_queue;

-- of another bucket
SELECT s3_track_files(bucket => 'otherbucket');
DELETE FROM s3_files WHERE object_key = 'b';
SELECT s3_track_files();
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('b', 'u', 'me');
TRUNCATE s3_files;
TABLE outbox;
DELETE FROM s3_delete_queue;

-- cascades delete past row-level security
CREATE TABLE users (id text PRIMARY KEY);
INSERT INTO users VALUES ('me'), ('you');
ALTER TABLE s3_files ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('m1', 'u', 'me'), ('m2', 'u', 'me'), ('y1', 'u', 'you');
GRANT ALL ON users TO regress_s3_user;
DROP POLICY everything ON s3_files;
SET ROLE regress_s3_user;
DELETE FROM s3_files;
DELETE FROM users WHERE id = 'me';
RESET ROLE;
TABLE outbox;
DELETE FROM s3_delete_queue;
CREATE POLICY everything ON s3_files USING (true);

-- a key that follows another table's
CREATE TABLE names (name text PRIMARY KEY);
INSERT INTO names VALUES ('y1');
ALTER TABLE s3_files ADD CONSTRAINT follows FOREIGN KEY (object_key) REFERENCES names ON UPDATE CASCADE;
GRANT ALL ON names TO regress_s3_user;
SET ROLE regress_s3_user;
\set VERBOSITY default
UPDATE names SET name = 'of somebody else';
\set VERBOSITY sqlstate
RESET ROLE;
SELECT s3_track_files();
ALTER TABLE s3_files DROP CONSTRAINT follows;
DROP TABLE names;

-- what stops a table from being governed
\set VERBOSITY default
ALTER TABLE s3_files OWNER TO regress_s3_user;
DELETE FROM s3_files;
ALTER TABLE s3_files OWNER TO regress_s3_trusted;
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('y1', 'u', 'you');
ALTER TABLE s3_files DISABLE TRIGGER s3_guard;
DELETE FROM s3_files;
SELECT s3_track_files();
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('y1', 'u', 'you');
DELETE FROM s3_files;
TABLE outbox;
ALTER TABLE s3_files RENAME TO renamed;
CREATE SCHEMA elsewhere;
ALTER TABLE renamed SET SCHEMA elsewhere;
SELECT files_table FROM s3_tracked_files;
CREATE TABLE not_tracked (object_key text);
CREATE TRIGGER s3_guard BEFORE INSERT ON not_tracked FOR EACH ROW EXECUTE FUNCTION s3_guard_files();
CREATE TRIGGER s3_enqueue_delete AFTER DELETE ON not_tracked FOR EACH ROW EXECUTE FUNCTION s3_enqueue_deletes();
GRANT ALL ON not_tracked TO regress_s3_user;
SET ROLE regress_s3_user;
INSERT INTO not_tracked VALUES ('z');
RESET ROLE;
INSERT INTO not_tracked VALUES ('z');
DELETE FROM not_tracked;
\set VERBOSITY sqlstate
SELECT s3_untrack_files('elsewhere.renamed');
TABLE s3_tracked_files;
DELETE FROM s3_delete_queue;

-- partitions
CREATE TABLE parts (object_key text, k int, note text, size int, UNIQUE (object_key, k)) PARTITION BY LIST (k);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES IN (1);
SELECT s3_track_files('parts');
ALTER TABLE parts ENABLE ROW LEVEL SECURITY;
SELECT s3_track_files('parts1');
CREATE TABLE parts2 (note text, k int, size int, object_key text);
ALTER TABLE parts ATTACH PARTITION parts2 FOR VALUES IN (2);
INSERT INTO parts SELECT k, 1 FROM unnest('{pa,pb,pc}'::text[]) k;
ALTER TABLE parts DISABLE ROW LEVEL SECURITY;
GRANT ALL ON parts, parts1, parts2 TO regress_s3_user;
SET ROLE regress_s3_user;
INSERT INTO parts VALUES ('pd', 2);
INSERT INTO parts2 (object_key, k) VALUES ('pd', 2);
UPDATE parts SET k = 2 WHERE object_key IN ('pa', 'pb');
INSERT INTO parts VALUES ('pa', 1);
UPDATE parts SET k = 1, object_key = 'pe' WHERE object_key = 'pa';
UPDATE parts SET k = 1, size = 1 WHERE object_key = 'pa';
BEGIN;
UPDATE parts SET note = 'n' WHERE object_key = 'pa';
DELETE FROM parts WHERE object_key = 'pa';
INSERT INTO parts VALUES ('pa', 1);
ROLLBACK;
DELETE FROM parts2 WHERE object_key = 'pb';
RESET ROLE;
SELECT object_key, k FROM parts ORDER BY 1;
TABLE outbox;
UPDATE parts SET k = 1, object_key = 'pf' WHERE object_key = 'pa';
INSERT INTO parts VALUES ('ph', 2);
TRUNCATE parts2;
TRUNCATE parts;
TABLE outbox;
ALTER TABLE parts2 DISABLE TRIGGER s3_guard;
INSERT INTO parts VALUES ('pg', 2);
\set VERBOSITY default
DELETE FROM parts;
DROP TABLE parts, not_tracked;
DELETE FROM s3_delete_queue;

-- whose objects
SELECT s3_arm_lifecycle();
SELECT as_branch, armed_by = current_user AS me, database_oid = (SELECT oid FROM pg_database WHERE datname = current_database()) AS here FROM s3_lifecycle_identity;
SELECT s3_arm_lifecycle(as_branch => true);
UPDATE s3_lifecycle_identity SET database_oid = 1, system_identifier = '2', instance = 'id:other', armed_at = '2026-01-01 00:00Z';
SET timezone = 'UTC';
SELECT s3_arm_lifecycle();
UPDATE s3_lifecycle_identity SET database_oid = 1;
SELECT s3_arm_lifecycle(as_branch => true);
SELECT as_branch FROM s3_lifecycle_identity;
SELECT s3_arm_lifecycle();
SELECT s3_arm_lifecycle(as_branch => true);

-- in a branch
SELECT s3_create_files_table();
SELECT s3_track_files();
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('own', 'u', 'me');
SELECT object_key, pending, expires_at FROM s3_issued_keys;
INSERT INTO s3_delete_queue (object_key, bucket, signs_as, enqueued_at, next_attempt_at) VALUES ('inherited', 'examplebucket', 'x', '2026-01-01', now());
SELECT object_key, state FROM outbox;
INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('inherited', 'u', 'me');
DELETE FROM s3_files;
SELECT object_key, state FROM s3_delete_queue ORDER BY id;

-- the tables are the user's
\set VERBOSITY sqlstate
DROP EXTENSION neon_s3;
SET client_min_messages = error;
DROP EXTENSION neon_s3 CASCADE;
SELECT count(*) FROM s3_files;
DROP TABLE s3_files, elsewhere.renamed, users;
DROP SCHEMA elsewhere;
REVOKE ALL ON SCHEMA public FROM regress_s3_trusted, regress_s3_user;
DROP ROLE regress_s3_user, regress_s3_trusted;
