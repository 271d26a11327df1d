-- Listings without an S3 server. What s3_list_objects does with one is in test/t/list.t.
CREATE EXTENSION neon_s3;
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'my-bucket';
SET neon_s3.endpoint = 'http://127.0.0.1:1';
SET neon_s3.max_attempts = 1;
\set VERBOSITY terse

SELECT * FROM s3_list_objects(max_keys => 0);
SELECT * FROM s3_list_objects(max_keys => -1);
SELECT * FROM s3_list_objects();

DROP EXTENSION neon_s3;
