-- Presigned URLs. The credentials are the fictional ones of AWS's documentation.
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.bucket = 'examplebucket';
SET neon_s3.credential_providers = 'static';
SET neon_s3.server = '';
SET neon_s3.region = 'us-east-1';
SET neon_s3.endpoint = '';
SET neon_s3.public_endpoint = '';
SET neon_s3.addressing_style = 'auto';
\pset format unaligned
\pset tuples_only on

-- AWS's example
SET neon_s3.endpoint = 'https://s3.amazonaws.com';
SELECT s3_presign_get('test.txt', '1 day', signed_at => '2013-05-24 00:00:00Z');
SET neon_s3.endpoint = '';

-- every function, at a fixed time
\set at '2026-11-22 12:34:56.789Z'
SELECT s3_presign_get('a b/é.txt', signed_at => :'at');
SELECT s3_presign_get('a', version_id => 'v1', download_as => 'Übersicht "1".pdf', signed_at => :'at');
SELECT s3_presign_get('a', download_as => E'..\n', signed_at => :'at');
SELECT s3_presign_put('a', 'image/png', '300', 5, sha256('hello'), false, signed_at => :'at');
SELECT s3_presign_put('a', signed_at => :'at');
SELECT s3_presign_head('a', '1 hour', signed_at => :'at');
SELECT s3_presign_delete('a', version_id => 'null', signed_at => :'at');
SELECT s3_presign('post', 'a', query => '{"uploads": ""}', signed_at => :'at');
SELECT s3_presign_upload_part('a', 'id/+==', 10000, signed_at => :'at');
SELECT s3_public_url('a b/é%.txt');

-- access points, as botocore has them; other ARNs
SELECT s3_presign_get('a b', bucket => 'arn:aws:s3:eu-west-1:123456789012:accesspoint/my-point', signed_at => :'at');
SELECT s3_public_url('a b', bucket => 'arn:aws:s3:eu-west-1:123456789012:accesspoint/my-point');
SELECT s3_presign_get('a', bucket => 'arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/my-point');
SELECT s3_presign_get('a', bucket => 'arn:aws:s3::123456789012:accesspoint/point.mrap');
SELECT s3_presign_get('a', bucket => 'arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-1/accesspoint/point');
SELECT s3_presign_get('a', bucket => 'arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/point');
SELECT s3_presign_get('a', bucket => 'arn:aws:s3:::files');
SELECT s3_create_bucket('arn:aws:s3:eu-west-1:123456789012:accesspoint/my-point');

-- every stage, with nothing of the key
\pset tuples_only off
\x
SELECT * FROM s3_presign_explain('GET', 'é', query => '{"versionId": "1"}', headers => '{"x-amz-meta-a": "ü"}', signed_at => :'at');
SELECT s3_presign_explain('GET', NULL);
\x
\pset tuples_only on

-- parameters of the caller's, sorted by encoded name; headers, every one of them signed
SELECT s3_presign('GET', 'a', query => '{"b": "2", "a b": "1", "é": "?", "A": ""}',
                  headers => '{"Range": "bytes=0-9", "X-Amz-Meta-Note": "  two   words "}', signed_at => :'at');

-- a NULL key is NULL; only an operation named in the query addresses the bucket itself
SELECT s3_presign_get(NULL) IS NULL, s3_presign_put(NULL) IS NULL, s3_presign_head(NULL) IS NULL,
       s3_presign_delete(NULL) IS NULL, s3_presign('GET', NULL) IS NULL, s3_presign(NULL, 'a') IS NULL,
       s3_public_url(NULL) IS NULL;
SELECT s3_presign('GET', NULL, query => '{"list-type": "2"}', signed_at => :'at');

-- addressing
SET neon_s3.region = 'eu-central-1';
SELECT s3_public_url('k'), s3_public_url('k', bucket => 'my.bucket'), s3_public_url('k', bucket => 'Legacy_Bucket');
SET neon_s3.region = 'cn-north-1';
SELECT s3_public_url('k');
SET neon_s3.region = 'us-gov-west-1';
SELECT s3_public_url('k');
SET neon_s3.addressing_style = 'path';
SELECT s3_public_url('k');
SET neon_s3.endpoint = 'https://S3.example.com:443/base/';
SELECT s3_public_url('k');
SET neon_s3.addressing_style = 'virtual';
SELECT s3_public_url('k');
SET neon_s3.addressing_style = 'auto';
SET neon_s3.endpoint = 'http://[::1]:9000';
SELECT s3_public_url('k');
SET neon_s3.public_endpoint = 'https://files.example.com';
SELECT s3_public_url('k');
SET neon_s3.public_endpoint = '';
-- below a base of one's own, without the bucket
SET neon_s3.public_url_base = 'https://cdn.example.com/files/';
SELECT s3_public_url('a b/é%.txt'), s3_public_url('k', bucket => 'other-bucket'), s3_presign_get('k') LIKE 'https://cdn%';
SELECT public_file_url = 'https://cdn.example.com/files/' || replace(object_key, ' ', '%20') FROM s3_presign_upload('a b.txt', 'text/plain');
SET neon_s3.public_url_base = 'https://cdn.example.com/?x';
SET neon_s3.public_url_base = '';
SET neon_s3.endpoint = '';

-- an endpoint that names the bucket already
SET neon_s3.endpoint = 'https://account.r2.cloudflarestorage.com/examplebucket';
SELECT s3_public_url('k');
SET neon_s3.endpoint = 'https://examplebucket.nyc3.digitaloceanspaces.com';
SELECT s3_presign_get('k');
SET neon_s3.addressing_style = 'path';
SELECT s3_public_url('k');
SET neon_s3.addressing_style = 'auto';
SET neon_s3.endpoint = 'http:/examplebucket';
SET neon_s3.endpoint = '';

-- the scope follows the time, the region and the credentials within one session
SET neon_s3.region = 'us-east-1';
SELECT right(s3_presign_get('a', signed_at => t), 64) FROM (VALUES
  ('2024-02-29 23:59:59.999Z'::timestamptz), ('2024-03-01 00:00:00Z'), ('2024-02-29 23:59:59Z')) v(t);
SET neon_s3.region = 'us-east-2';
SELECT right(s3_presign_get('a', signed_at => '2024-02-29 23:59:59Z'), 64);
SET neon_s3.region = 'us-east-1';
SET neon_s3.secret_access_key = 'another';
SELECT right(s3_presign_get('a', signed_at => '2024-02-29 23:59:59Z'), 64);
SET neon_s3.session_token = 'to+ken/=';
SELECT s3_presign_get('a', signed_at => '2024-02-29 23:59:59Z');
SET neon_s3.session_token = '';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SELECT right(s3_presign_get('a', signed_at => '2024-02-29 23:59:59Z'), 64);

-- each call signs for its own time: nothing is folded into a plan
PREPARE sign AS SELECT s3_presign_get('a');
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE sign;

-- bad input
SELECT s3_presign_get('');
SELECT s3_presign_get(repeat('é', 512)) IS NOT NULL;
SELECT s3_presign_get(repeat('k', 1025));
SELECT s3_presign_get('a/../b');
SELECT s3_presign_get('a', '0');
SELECT s3_presign_get('a', '-1 s');
SELECT s3_presign_get('a', '8 days');
SELECT s3_presign_get('a', '1.5 s');
SELECT s3_presign_get('a', '178000000 years');
SELECT s3_presign_get('a', signed_at => 'infinity');
SELECT s3_presign_get('a', signed_at => '10000-01-01 00:00:00Z');
SELECT s3_presign_get('a', bucket => '192.168.0.1');
SELECT s3_presign_get('a', bucket => '');
SELECT s3_presign_get('a', bucket => 'cache--usw2-az1--x-s3');
SELECT s3_presign_get('a', bucket => 'mfzwi23gnjvgw.mrap');
SELECT s3_presign_get('a', bucket => 'arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap');
SELECT s3_presign_get('a', server => 'files');
SELECT s3_presign_get('a', query => '{"X-Amz-Date": "x"}');
SELECT s3_presign_get('a', query => '{"versionId": "1"}', version_id => '2');
SELECT s3_presign_get('a', query => '{"response-content-type": "a\r\nb: c"}');
SELECT s3_presign_get('a', query => '{"partNumber": 1}');
SELECT s3_presign_get('a', query => '["partNumber"]');
SELECT s3_presign_put('a', 'text/plain', headers => '{"Content-Type": "text/html"}');
SELECT s3_presign_put('a', E'text/plain\r\nx: y');
SELECT s3_presign_put('a', '');
SELECT s3_presign_put('a', ' ');
SELECT s3_presign_put('a', headers => '{"x y": "z"}');
SELECT s3_presign_put('a', headers => '{"Host": "z"}');
SELECT s3_presign_put('a', content_length => -1);
SELECT s3_presign_put('a', checksum_sha256 => '\x00');
SELECT s3_presign_upload_part('a', 'id', 0);
SELECT s3_presign_upload_part('a', 'id', 10001);
SELECT s3_presign_upload_part('a', '', 1);
SELECT s3_presign_upload_part('a', NULL, 1) IS NULL;
SELECT s3_presign('PATCH', 'a');
SET neon_s3.addressing_style = 'virtual';
SELECT s3_presign_get('a', bucket => 'my.bucket');
SET neon_s3.addressing_style = 'auto';
SET neon_s3.bucket = '';
SELECT s3_presign_get('a');
SET neon_s3.secret_access_key = '';
SELECT s3_presign_get('a', bucket => 'examplebucket');

-- the headers that name a file and its type, for everybody
SELECT s3_content_disposition('Übersicht "1".pdf'), s3_content_disposition('a.png', 'inline');
SELECT s3_content_disposition(U&'invoice\202Egpj.exe'), s3_content_disposition(NULL) IS NULL;
SELECT s3_content_disposition('a', 'form-data');
SELECT name, s3_content_type(name)
  FROM (VALUES ('photo.JPG'), ('C:\users\report.docx'), ('a/b.tar.gz'), ('page.html'), ('.png'), ('Makefile'), ('a.unknown'), (NULL)) file(name);
