-- s3_export_query and s3_import_table without an S3 server. What they do with one is in test/t/move.t.
CREATE EXTENSION neon_s3;
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'my-bucket';
SET neon_s3.endpoint = 'http://127.0.0.1:1';
SET neon_s3.max_attempts = 1;
CREATE TABLE numbers (n int, name text);
\set VERBOSITY terse

SELECT s3_export_query('SELECT 1', 'k');
SELECT s3_import_table('numbers', 'k');
SELECT num_nulls(s3_export_query(NULL, 'k'), s3_export_query('SELECT 1', NULL), s3_import_table(NULL, 'k'), s3_import_table('numbers', NULL));

-- one statement, of those that COPY takes
SELECT s3_export_query('', 'k');
SELECT s3_export_query(' ; -- nothing', 'k');
SELECT s3_export_query('SELECT 1; SELECT 2', 'k');
SELECT s3_export_query('CREATE TABLE t ()', 'k');
SELECT s3_export_query('COPY numbers TO STDOUT', 'k');
SELECT s3_export_query('EXPLAIN SELECT 1', 'k');
SELECT s3_export_query('DELETE FROM numbers', 'k');
SELECT s3_export_query('SELECT 1 INTO t', 'k');
\set VERBOSITY default
SELECT s3_export_query('SELECT 1) TO PROGRAM ''true'' --', 'k');
SELECT s3_export_query('SELECT n, missing FROM numbers', 'k');
\set VERBOSITY terse

-- options
SELECT s3_export_query('SELECT 1', 'k', 'xml');
SELECT s3_export_query('SELECT 1', 'k', options => '[]');
SELECT s3_export_query('SELECT 1', 'k', options => '{"format": "text"}');
SELECT s3_export_query('SELECT 1', 'k', options => '{"unknown": true}');
SELECT s3_export_query('SELECT 1', 'k', options => '{"null": null}');
SELECT s3_export_query('SELECT 1', 'k', options => '{"header": {"a": 1}}');
SELECT s3_export_query('SELECT 1', 'k', options => '{"header": "perhaps"}');
SELECT s3_export_query('SELECT 1', 'k', options => '{"force_quote": [1]}');
SELECT s3_export_query('SELECT 1', 'k', options => '{"compression": 1}');
SELECT s3_export_query('SELECT 1', 'k', options => '{"compression": "lzma"}');
SELECT s3_export_query('SELECT 1', 'k', options => '{"delimiter": "ab"}');
SELECT s3_export_query('SELECT 1', '../k');
SELECT s3_import_table('numbers', '../k');

-- tables and columns
SELECT s3_import_table(4000000000::oid, 'k');
SELECT s3_import_table('numbers', 'k', columns => '{}');
SELECT s3_import_table('numbers', 'k', columns => '{n,NULL}');
SELECT s3_import_table('numbers', 'k', columns => '{missing}');
SELECT s3_import_table('numbers', 'k', columns => '{n,n}');

-- a read-only transaction
BEGIN READ ONLY;
SELECT s3_export_query('SELECT 1', 'k');
ROLLBACK;
BEGIN READ ONLY;
SELECT s3_import_table('numbers', 'k');
ROLLBACK;

DROP TABLE numbers;
DROP EXTENSION neon_s3;
