-- s3_doctor without an S3 server. With one: test/t/doctor.t.
CREATE EXTENSION neon_s3;
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'my-bucket';
SET neon_s3.endpoint = 'http://127.0.0.1:1';
SET neon_s3.max_attempts = 1;

-- Nobody answers.
SELECT check_name, ok, hint FROM s3_doctor() WHERE check_name <> 'secrets';

-- The endpoint names another region than the one that is set.
SET neon_s3.endpoint = 'https://s3.us-west-004.backblazeb2.com';
SET neon_s3.allowed_hosts = 'nobody.example';
SELECT detail, hint FROM s3_doctor() WHERE check_name = 'region';

-- Who may.
CREATE ROLE regress_s3_nobody;
SET ROLE regress_s3_nobody;
SELECT * FROM s3_doctor();
RESET ROLE;
DROP ROLE regress_s3_nobody;

DROP EXTENSION neon_s3;
