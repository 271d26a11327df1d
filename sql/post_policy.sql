-- POST policies, for uploads from HTML forms.
SET neon_s3.access_key_id = 'AKIAIOSFODNN7EXAMPLE';
SET neon_s3.secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
SET neon_s3.session_token = '';
SET neon_s3.region = 'us-east-1';
SET neon_s3.endpoint = '';
SET neon_s3.public_endpoint = '';
SET neon_s3.addressing_style = 'auto';
SET neon_s3.bucket = 'examplebucket';
SET neon_s3.credential_providers = 'static';
SET neon_s3.server = '';
\pset format unaligned
\pset tuples_only on

SELECT * FROM s3_presign_post('users/7/${filename}', '1 hour', 'image/png', 1, 1000,
  fields => '{"acl": "private", "success_action_status": "201"}',
  conditions => '[["starts-with", "$x-amz-meta-title", "é\"\\"], {"Cache-Control": "no-cache"}]',
  signed_at => '2013-08-06 12:00:00Z') \gset
SELECT :'url';
SELECT jsonb_pretty(:'fields'::jsonb - 'policy');
SELECT jsonb_pretty(convert_from(decode(:'fields'::jsonb ->> 'policy', 'base64'), 'UTF8')::jsonb);

-- an exact key; path style; a session token
SET neon_s3.addressing_style = 'path';
SET neon_s3.session_token = 'to+ken';
SELECT url, jsonb_object_keys(fields) FROM s3_presign_post('a', signed_at => '2013-08-06 12:00:00Z');
SELECT s3_presign_post(NULL) IS NULL;

-- consistent is no conflict
SELECT jsonb_array_length(convert_from(decode(fields ->> 'policy', 'base64'), 'UTF8')::jsonb -> 'conditions')
  FROM s3_presign_post('a/b', content_type => 'image/png', max_length => 9, fields => '{"content-type": "image/png"}',
    conditions => '[{"Content-Type": "image/png"}, ["starts-with", "$key", "a/"], ["content-length-range", 0, 9]]');

-- conflicts
SELECT s3_presign_post('a', content_type => 'image/png', fields => '{"content-type": "text/plain"}');
SELECT s3_presign_post('a', fields => '{"acl": "private"}', conditions => '[["eq", "$acl", "public-read"]]');
SELECT s3_presign_post('a', max_length => 5, conditions => '[["content-length-range", 0, 6]]');
SELECT s3_presign_post('a', conditions => '[["starts-with", "$key", "b"]]');
SELECT s3_presign_post('a', conditions => '[{"bucket": "other"}]');

-- bad input
SELECT s3_presign_post('');
SELECT s3_presign_post('a/../${filename}');
SELECT s3_presign_post('a/${filename}/b');
SELECT s3_presign_post('${filename}${filename}');
SELECT s3_presign_post('a', content_type => ' ');
SELECT s3_presign_post('a', min_length => 2, max_length => 1);
SELECT s3_presign_post('a', fields => '{"key": "b"}');
SELECT s3_presign_post('a', fields => '{"x-amz-date": "b"}');
SELECT s3_presign_post('a', fields => '{"acl": 1}');
SELECT s3_presign_post('a', fields => '{"a b": "c"}');
SELECT s3_presign_post('a', fields => '{"acl": "a\r\nb"}');
SELECT s3_presign_post('a', conditions => '{}');
SELECT s3_presign_post('a', conditions => '"eq"');
SELECT s3_presign_post('a', conditions => '["eq"]');
SELECT s3_presign_post('a', conditions => '[[]]');
SELECT s3_presign_post('a', conditions => '[{}]');
SELECT s3_presign_post('a', conditions => '[["eq", "acl", "private"]]');
SELECT s3_presign_post('a', conditions => '[["in", "$acl", "private"]]');
SELECT s3_presign_post('a', conditions => '[["eq", "$acl", 1]]');
SELECT s3_presign_post('a', conditions => '[["content-length-range", 1.5, 2]]');
SELECT s3_presign_post('a', conditions => '[["content-length-range", -1, 2]]');
SELECT s3_presign_post('a', conditions => '[["content-length-range", 0, 1e30]]');
SELECT s3_presign_post('a', conditions => '[["eq", "$x-amz-credential", "b"]]');
