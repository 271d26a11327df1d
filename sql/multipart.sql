-- Multipart uploads without an S3 server. What the functions do with one is in test/t/multipart.t.
CREATE EXTENSION neon_s3;
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'my-bucket';
SET neon_s3.endpoint = 'http://127.0.0.1:1';
SET neon_s3.max_attempts = 1;
\set VERBOSITY terse

SELECT s3_create_multipart_upload(NULL) IS NULL AS nobody_is_asked;
SELECT s3_complete_multipart_upload('k', 'id', '[]');
SELECT s3_complete_multipart_upload('k', 'id', '[{"part_number": 0, "etag": "a"}]');

DROP EXTENSION neon_s3;
