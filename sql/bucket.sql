-- Buckets without an S3 server: what is refused before one is asked. With a server: test/t/bucket.t.
CREATE EXTENSION neon_s3;
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'my-bucket';
SET neon_s3.endpoint = 'http://127.0.0.1:1';
SET neon_s3.max_attempts = 1;
\set VERBOSITY default

-- NULL in, NULL or no rows out: nobody is asked.
SELECT s3_create_bucket(NULL) IS NULL AS create_bucket, s3_bucket_exists(NULL) IS NULL AS bucket_exists,
       s3_put_bucket_cors(NULL) IS NULL AS cors, s3_put_bucket_policy(NULL) IS NULL AS policy,
       s3_put_bucket_lifecycle(NULL) IS NULL AS lifecycle, s3_put_public_access_block(NULL) IS NULL AS block;
SELECT * FROM s3_setup_bucket(NULL);

-- Names.
SELECT s3_create_bucket('a');
SELECT * FROM s3_setup_bucket('192.168.0.1');

-- Configurations: unknown members, wrong types, nothing at all.
SELECT s3_put_bucket_cors('[]');
SELECT s3_put_bucket_cors('[{"AllowedOrigins": ["*"], "AllowedMethod": ["GET"]}]');
SELECT s3_put_bucket_cors('{"AllowedOrigins": "*", "AllowedMethods": ["GET"]}');
SELECT s3_put_bucket_cors('1');
SELECT s3_put_bucket_lifecycle('{"Rules": 1}');
SELECT s3_put_bucket_lifecycle('[{"Status": "Enabled", "Expiration": {"Days": "1"}}]');
SELECT s3_put_bucket_policy('[]');

-- Origins that no browser sends.
SELECT * FROM s3_setup_bucket('my-bucket', '{https://app.example.com, https://app.example.com/}');
SELECT * FROM s3_setup_bucket('my-bucket', '{https://App.Example.com}');
SELECT * FROM s3_setup_bucket('my-bucket', '{app.example.com}');
SELECT * FROM s3_setup_bucket('my-bucket', '{https://app.example.com:443}');
SELECT * FROM s3_setup_bucket('my-bucket', ARRAY[' https://app.example.com']);
SELECT * FROM s3_setup_bucket('my-bucket', '{""}');
SELECT * FROM s3_setup_bucket('my-bucket', '{NULL}');
SELECT * FROM s3_setup_bucket('my-bucket', '{}');

-- Nobody answers.
\set VERBOSITY terse
SELECT s3_get_bucket_cors();
SELECT step, done FROM s3_setup_bucket('my-bucket');

-- No changes where nothing may change.
BEGIN READ ONLY;
SELECT * FROM s3_setup_bucket('my-bucket');
ROLLBACK;

DROP EXTENSION neon_s3;
