-- Many objects in one call, without an S3 server. What the functions do with one is in test/t/batch.t.
CREATE EXTENSION neon_s3;
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'my-bucket';
SET neon_s3.endpoint = 'http://127.0.0.1:1';
SET neon_s3.max_attempts = 1;
\set VERBOSITY terse

-- Nothing in, no rows out: nobody is asked.
SELECT * FROM s3_head_objects(NULL);
SELECT * FROM s3_head_objects('{}');
SELECT * FROM s3_delete_objects('{}');
SELECT * FROM s3_put_objects('{}', '{}');
SELECT * FROM s3_get_objects('{}');

-- Bad arguments.
SELECT * FROM s3_head_objects(ARRAY['a', NULL]);
SELECT * FROM s3_put_objects('{a,b}', '{1}');
SELECT * FROM s3_put_objects('{a,b,a}', '{1,2,3}');
SELECT * FROM s3_put_objects('{a,b}', '{1,NULL}');
SELECT * FROM s3_get_objects('{a,..}');
SELECT * FROM s3_delete_objects(ARRAY['a', '..']);

-- Nobody answers.
SELECT * FROM s3_head_objects(ARRAY['a', 'b']);

DROP EXTENSION neon_s3;
