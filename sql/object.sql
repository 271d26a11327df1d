-- Objects without an S3 server: arguments, where requests may go, and what a refused connection looks like.
-- What the functions do with a server is in test/t/object.t.
CREATE EXTENSION neon_s3;
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'my-bucket';
SET neon_s3.endpoint = 'http://127.0.0.1:1';
SET neon_s3.max_attempts = 1;
\set VERBOSITY terse

-- NULL in, NULL out: nobody is asked.
SELECT s3_put_object(NULL, 'x') IS NULL AS put, s3_put_object('k', NULL) IS NULL AS put_nothing,
       s3_get_object(NULL) IS NULL AS get, s3_head_object(NULL) IS NULL AS head,
       s3_object_exists(NULL) IS NULL AS exists, s3_copy_object(NULL, 'k') IS NULL AS copy;

-- Bad arguments.
SELECT s3_get_object('');
SELECT s3_get_object('a/../b');
SELECT s3_get_object('k', range_start => -1);
SELECT s3_get_object('k', range_length => -1);
SELECT s3_put_object('k', 'x', content_type => '');
SELECT s3_put_object('k', 'x', metadata => '["a"]');
SELECT s3_put_object('k', 'x', metadata => '{"a": 1}');
SELECT s3_put_object('k', 'x', metadata => '{"a b": "c"}');
SELECT s3_put_object('k', 'x', metadata => '{"a": "c\nd"}');
SELECT s3_put_object('k', 'x', bucket => '1.2.3.4');
SELECT s3_copy_object('a', 'b', source_bucket => 'x');
SELECT s3_put_object('k', 'x', headers => '{"Host": "x"}');
SELECT s3_put_object('k', 'x', headers => '{"x-amz-meta-a": "c\nd"}');
SELECT s3_put_object('k', 'x', 'text/plain', headers => '{"content-type": "text/html"}');
SELECT s3_get_object('k', headers => '{"range": "bytes=0-1"}');
SELECT s3_head_object('k', headers => '{"x-amz-storage-class": "GLACIER"}');
SELECT s3_copy_object('a', 'b', headers => '{"x-amz-metadata-directive": "COPY", "x-amz-meta-a": "1"}');
SELECT s3_copy_object('a', 'b', source_bucket => 'arn:aws:s3:::files');
SET neon_s3.bucket = '';
SELECT s3_get_object('k');
SET neon_s3.bucket = 'my-bucket';

-- Nobody answers.
SELECT s3_get_object('k');
SELECT s3_put_object('k', 'x');

-- Where requests may go.
SET neon_s3.endpoint = 'http://192.0.2.1';
SELECT s3_get_object('k');
SET neon_s3.endpoint = 'http://169.254.169.254';
SET neon_s3.allow_http = on;
SELECT s3_get_object('k');
SET neon_s3.endpoint = 'http://127.0.0.1:1';
SET neon_s3.allowed_hosts = 's3.example.com, *.example.org';
SELECT s3_get_object('k');
RESET neon_s3.allowed_hosts;
RESET neon_s3.allow_http;

-- No changes where nothing may change.
BEGIN READ ONLY;
SELECT s3_put_object('k', 'x');
ROLLBACK;
BEGIN READ ONLY;
SELECT s3_get_object('k');
ROLLBACK;

-- Who may.
CREATE ROLE regress_s3_nobody;
SET ROLE regress_s3_nobody;
SELECT s3_get_object('k');
RESET ROLE;
DROP ROLE regress_s3_nobody;

DROP EXTENSION neon_s3;
