-- What a database without neon_s3 would do: the same URLs in PL/pgSQL with pgcrypto, and with boto3 in PL/Python.
CREATE EXTENSION pgcrypto;
CREATE EXTENSION plpython3u;

CREATE FUNCTION uri_encode(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN $1 ~ '^[A-Za-z0-9_.~/-]*$' THEN $1 ELSE (
    SELECT string_agg(CASE WHEN c ~ '[A-Za-z0-9_.~/-]' THEN c
                      ELSE regexp_replace(upper(encode(convert_to(c, 'UTF8'), 'hex')), '(..)', '%\1', 'g') END, '' ORDER BY i)
      FROM regexp_split_to_table($1, '') WITH ORDINALITY t(c, i)) END
$$;

CREATE FUNCTION signing_key(secret text, day text, region text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT hmac('aws4_request'::bytea, hmac('s3'::bytea, hmac(region::bytea, hmac(day::bytea, ('AWS4' || secret)::bytea, 'sha256'), 'sha256'),
    'sha256'), 'sha256')
$$;

CREATE FUNCTION plpgsql_presign_get(key text, id text, signing_key bytea, region text, host text, signed_at timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  stamp CONSTANT text := to_char(signed_at AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"');
  scope CONSTANT text := left(stamp, 8) || '/' || region || '/s3/aws4_request';
  path CONSTANT text := '/' || uri_encode(key);
  query CONSTANT text := 'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=' || id || '%2F' || replace(scope, '/', '%2F')
    || '&X-Amz-Date=' || stamp || '&X-Amz-Expires=300&X-Amz-SignedHeaders=host';
  request CONSTANT text := E'GET\n' || path || E'\n' || query || E'\nhost:' || host || E'\n\nhost\nUNSIGNED-PAYLOAD';
BEGIN
  RETURN 'https://' || host || path || '?' || query || '&X-Amz-Signature=' || encode(hmac((E'AWS4-HMAC-SHA256\n' || stamp || E'\n' || scope
    || E'\n' || encode(sha256(convert_to(request, 'UTF8')), 'hex'))::bytea, signing_key, 'sha256'), 'hex');
END $$;

CREATE FUNCTION boto3_presign_get(key text, id text, secret text, region text) RETURNS text LANGUAGE plpython3u AS $$
if 's3' not in GD:
    import boto3
    from botocore.config import Config
    GD['s3'] = boto3.client('s3', region_name=region, aws_access_key_id=id, aws_secret_access_key=secret,
                            endpoint_url='https://s3.%s.amazonaws.com' % region,
                            config=Config(signature_version='s3v4', s3={'addressing_style': 'virtual'}))
return GD['s3'].generate_presigned_url('get_object', Params={'Bucket': 'my-bucket', 'Key': key}, ExpiresIn=300)
$$;
