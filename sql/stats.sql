-- What is counted, and who sees and resets it. s3_progress during a call is in test/t/stats.t.
CREATE EXTENSION neon_s3;
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'my-bucket';
SET neon_s3.endpoint = 'http://127.0.0.1:1';
SET neon_s3.max_attempts = 1;
\set VERBOSITY terse

-- Nothing is left under way.
SELECT count(*) FROM s3_progress;
SELECT s3_stats_reset();
SELECT s3_get_object('k');
SELECT count(*) FILTER (WHERE s3_presign_get('k' || i) <> '') AS urls FROM generate_series(1, 100) i;
SELECT operation, calls, errors, requests, retries, bytes_sent, bytes_received, total_time >= 0 AS timed,
       presigned_urls
  FROM s3_stats;

-- Who may.
CREATE ROLE regress_s3_nobody;
SET ROLE regress_s3_nobody;
SELECT s3_stats_reset();
SELECT count(*) FROM s3_progress;
RESET ROLE;
DROP ROLE regress_s3_nobody;

DROP EXTENSION neon_s3;
