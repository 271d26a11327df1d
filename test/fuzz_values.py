"""Arguments and settings for fuzz_sql.py, as SQL: by type, from nothing to far too much; and by name, so that calls work.

All texts depend on the Random alone. What must be looked up, such as an upload id, is a subquery.
"""

MEBIBYTE = 1 << 20
BUCKETS = ['fuzz-a', 'fuzz-b', 'fuzz-c']
KEYS = ['a', 'b/c.txt', 'photo ä.png', 'data.csv', 'data.csv.gz', 'size-3000000', 'missing', 'slow/x', 'new']
SERVERS = ['rgw', 'rgw', 'rgw', 'rgw', 'fault', 'fault', 'fault', 'closed', 'mute', 'black_hole', 'unmapped', 'denied']


def lit(text):
    """A literal of any text without NUL."""
    escaped = ''.join({"'": "''", '\\': '\\\\'}.get(c, c if c.isprintable() else f'\\x{ord(c):02x}' if ord(c) < 128 else f'\\U{ord(c):08x}') for c in text)
    return f"E'{escaped}'" if '\\' in escaped else f"'{escaped}'"


# What is odd in a URL, a header, XML, JSON, a path, a configuration, a name of SQL, or anywhere.
ODD = ['', ' ', 'a', '\x01', '\x7f', '\r\nx-injected: 1', '\n', '\t', 'a\x1fb', '%', '%00', '%2F..%2F', '..', '../../etc/passwd', './', '/', '//', '/a//b/', '?a=b&c', '#', '+', '=',
       '"', "'", "';--", '\\', '$$', '${filename}', '<a>&amp;]]>', '<!DOCTYPE a>', '{', '{"a": 1}', '[]', 'null', 'NULL', 'default', '-', '*', '0', '-1', '1e999', 'NaN', 'ä', 'ÿ', '日本語', '\u202egnp.exe',
       'e\u0301\u0301\u0301', '\ufeff', '\ufffe', '\uffff', '\U0001f5bc', '\U0010ffff', 'pg_class', 'pg_catalog.pg_class', 'a.b.c.d', '"', '"a', 'http://127.0.0.1:1', 'https://', 'http://[::1', 'http://a@b/',
       'ftp://x', 'file:///etc/passwd', 'gopher://127.0.0.1', 'arn:aws:s3:::b', 'arn:aws:s3:us-east-1:123456789012:accesspoint/x', 'a' * 63, 'a' * 64, 'A.B', '1.2.3.4', 'xn--a', 'text/html; charset="', '/' * 300,
       'static, static', 'static,, profile', 'GET', 'get', 'TRACE', 'GET /', '=?utf-8?q?=ff?=']
LONG = ["repeat('x', 1024)", "repeat('x', 1025)", "repeat('x', 1048576)", "repeat(E'\\U0010ffff', 250000)", "repeat('../', 100000)", "repeat('%', 65536)", "repeat(E'\\x01', 8192)", "repeat('=?utf-8?b?', 10000)",
        "repeat('a,', 50000)", "repeat('\"', 100000)", "repeat(' ', 100000)"]
JSON = ['null', '{}', '[]', '""', '"x"', 'true', '0', '-1', '1e400', '123456789012345678901234567890.5', '[null]', '[[]]', '[{}]', '{"a": null}', '{"": ""}', '{"a": {"b": 1}}', '{"a": ["b"]}', '{"a": 1, "A": 2}',
        '{"host": "evil"}', '{"Authorization": "x"}', '{"content-length": "5"}', '{"transfer-encoding": "chunked"}', r'{"x-amz-meta-a": "b\r\nc: d"}', r'{"x-amz-meta-a": "\u0001"}', r'{"x-amz-meta-\u00e4": "\u00e4"}', '{"x-amz-meta-a": 1}',
        '{"X-Amz-Signature": "x"}', '{"X-Amz-Expires": "1"}', '{"x-amz-meta-a": ""}', '{" ": " "}', r'{"a\nb": "c"}', '{"if-match": "*"}', '{"range": "bytes=0-"}', '{"partNumber": "1", "uploadId": "x"}',
        '[{"part_number": 1}]', '[{"part_number": -1, "etag": ""}]', '[{"part_number": 1, "etag": "a"}, {"part_number": 1, "etag": "a"}]', '[{"part_number": 1e30, "etag": {}}]', '[["eq", "$key", 1]]', '[["starts-with"]]',
        '[["content-length-range", -1, 1e99]]', '{"expiration": "x"}', '{"header": "maybe", "delimiter": "long"}', '{"force_quote": "*", "null": null}', '{"compression": "lzma"}', '{"encoding": "nonsense"}',
        '{"CORSRules": 1}', '[{"AllowedMethods": "GET"}]', '[{"AllowedOrigins": [1]}]', '[{"ID": {}, "Status": 1}]', '[{"Filter": {"And": {"And": {}}}}]']
BIG_JSON = ["(repeat('[', {n}) || repeat(']', {n}))::jsonb", "(repeat('{{\"a\":', {n}) || '1' || repeat('}}', {n}))::jsonb", "(SELECT jsonb_object_agg('k' || n, 'v' || n) FROM generate_series(1, {n}0) n)",
            "(SELECT jsonb_agg(n) FROM generate_series(1, {n}0) n)", "jsonb_build_object('x-amz-meta-a', repeat('x', {n}00))", "jsonb_build_object(repeat('k', {n}00), 'x')",
            "(SELECT jsonb_agg(jsonb_build_object('part_number', n, 'etag', md5(n::text))) FROM generate_series(1, {n}) n)"]
NUMBERS = [0, 1, -1, 2, 7, 100, 999, 1000, 1001, 10000, 10001, 65535, 604800, 604801, 5 * MEBIBYTE - 1, 5 * MEBIBYTE, 2**31 - 1, 2**31, -2**31, 2**32, 5 << 30, (5 << 30) + 1, 5 << 40, (5 << 40) + 1, 2**53 + 1, 2**63 - 1,
           -2**63 + 1]
INTERVALS = ['0', '1 s', '-1 s', '0.4 s', '1 us', '-1 us', '5 min', '7 days', '7 days 1 us', '8 days', '1 mon', '-1 mon', '1 mon -30 days', '178000000 years', '-178000000 years', '2147483647 mons', '2147483647 days',
             '9223372036854775807 us', '-9223372036854775807 us', '2147483647 days 9223372036854775807 us']
TIMES = ['now', 'epoch', 'infinity', '-infinity', '294276-12-31 23:59:59.999999+00', '4714-11-24 00:00:00+00 BC', '0001-01-01 00:00:00+00', '0001-12-31 00:00:00+00 BC', '9999-12-31 23:59:59.999999+00',
         '10000-01-01 00:00:00+00', '2026-02-28 23:59:60+00', '1900-01-01 00:00:00+00', '2038-01-19 03:14:08+00']
BYTES = ["''::bytea", "'\\x00'::bytea", "'x'::bytea", "sha256('hello')", "substr(sha256('hello'), 2)", "sha256('hello') || '\\x00'", "decode(repeat('00ff', 500000), 'hex')", "convert_to(repeat('x', 6000000), 'UTF8')"]
CLASSES = ["'pg_class'::regclass", '0::oid::regclass', '4294967295::oid::regclass', "'pg_class_oid_index'::regclass", "'s3_uploads'::regclass", "'fuzz_numbers_id_seq'::regclass", "'fuzz_foreign'::regclass",
           "'fuzz_parts'::regclass", "'s3_delete_queue'::regclass", "'fuzz_view'::regclass", "'pg_toast.pg_toast_1255'::regclass", "to_regclass('nowhere')", "'fuzz_empty'::regclass", "'fuzz_generated'::regclass"]
OIDS = ['0', '1', '4294967295', '2147483648', "lo_creat(-1)", "lo_from_bytea(0, convert_to(repeat('x', 100000), 'UTF8'))", '(SELECT min(oid) FROM pg_largeobject_metadata)',
        '(SELECT max(oid) FROM pg_largeobject_metadata)', "'pg_class'::regclass::oid", "'pg_foreign_server'::regclass::oid", "'pg_user_mapping'::regclass::oid", "'pg_foreign_data_wrapper'::regclass::oid"]

STATEMENT = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::fuzz-a/*"}]}'
# What works, by the name of an argument; 'name of a function.name of an argument' goes first.
VALID = {
    'key': [lit(key) for key in KEYS], 'source_key': [lit(key) for key in KEYS], 'prefix': ["''", "'b/'", "'k'"], 'start_after': ["''", "'a'"], 'delimiter': ["'/'", 'NULL'],
    'object_key': ['(SELECT max(object_key) FROM s3_files)', '(SELECT min(object_key) FROM s3_uploads)', '(SELECT max(object_key) FROM s3_uploads WHERE upload_id IS NOT NULL)'],
    'upload_id': ["'upload'", '(SELECT max(upload_id) FROM s3_uploads)', "s3_create_multipart_upload('new')"], 'public_file_url': ["'https://example.com/a'"],
    'keys': ["'{a,b/c.txt,missing}'::text[]", "ARRAY(SELECT 'k' || n FROM generate_series(1, 3) n)", "ARRAY(SELECT 'k' || n FROM generate_series(1, 1500) n)"],
    'bodies': ["'{x,y,z}'::bytea[]", "array_fill('x'::bytea, ARRAY[1500])"], 'version_ids': ["'{null,v,w}'::text[]"], 'body': ["'x'::bytea", "''::bytea", "convert_to(repeat('x', 100000), 'UTF8')"],
    'parts': ['\'[{"part_number": 1, "etag": "x"}]\'::jsonb'], 'bucket': ['NULL', 'NULL', "'fuzz-a'", "'fuzz-b'"], 'source_bucket': ['NULL', "'fuzz-a'"], 's3_create_bucket.bucket': [lit(b) for b in BUCKETS],
    's3_delete_bucket.bucket': ["'fuzz-c'"], 's3_setup_bucket.bucket': [lit(b) for b in BUCKETS], 's3_bucket_exists.bucket': [lit(b) for b in BUCKETS], 'method': ["'GET'", "'put'", "'HEAD'", "'DELETE'", "'POST'"],
    'content_type': ["'image/png'", "'text/plain'", 'NULL'], 'metadata': ['NULL', '\'{"owner": "me"}\'::jsonb'], 'headers': ['NULL', '\'{"cache-control": "no-cache"}\'::jsonb', '\'{"x-amz-meta-a": "b"}\'::jsonb'],
    'query': ['NULL', '\'{"response-content-type": "text/plain"}\'::jsonb'], 'fields': ['NULL', '\'{"x-amz-meta-a": "b"}\'::jsonb'], 'conditions': ['NULL', '\'[["starts-with", "$x-amz-meta-b", ""]]\'::jsonb'],
    's3_export_query.query': ["'SELECT 1'", "'SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 9000) n'", "'SELECT 1 / (5 - n) FROM generate_series(1, 9) n'", "'SELECT pg_sleep(1)'", "'SELECT 1; SELECT 2'", "'VACUUM'",
                              "'DELETE FROM fuzz_numbers RETURNING *'", "'TABLE s3_files'", "'SELECT NULL FROM pg_class'", "'SELECT'", "'nonsense'", "'COPY pg_class TO STDOUT'", "'SELECT s3_get_object(''a'')'", "'BEGIN'",
                              "'SELECT * FROM s3_export_query(''SELECT 1'', ''new'')'", "'EXPLAIN SELECT 1'", "'SELECT $1'"],
    'format': ["'csv'", "'text'", "'binary'"], 'options': ['NULL', '\'{"header": true}\'::jsonb', '\'{"compression": "gzip"}\'::jsonb', '\'{"delimiter": ";"}\'::jsonb'],
    's3_server_options_validator.options': ["'{region=eu-central-1}'::text[]", "'{bucket=fuzz-a,endpoint=http://127.0.0.1:1}'::text[]"], 'catalog': ["'pg_foreign_server'::regclass::oid", "'pg_user_mapping'::regclass::oid"],
    'target': ["'fuzz_numbers'::regclass", "'fuzz_generated'::regclass", "'fuzz_parts'::regclass"], 's3_import_table.columns': ['NULL', "'{id,note}'::text[]"], 'columns': ['NULL', '\'{"note": "x"}\'::jsonb'],
    'files_table': ["'s3_files'::regclass", "'fuzz_files'::regclass", "'fuzz_empty'::regclass"], 'table_name': ["'fuzz_made'", "'s3_files'"], 'content_types': ['NULL', "'{image/*,text/plain}'::text[]"],
    'lo': ['(SELECT min(oid) FROM pg_largeobject_metadata)', "lo_from_bytea(0, 'large')", 'NULL'], 'policy': [lit(STATEMENT) + '::jsonb'],
    's3_put_bucket_cors.rules': ['\'[{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://a.example"], "MaxAgeSeconds": 5}]\'::jsonb'],
    'rules': ['\'[{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]\'::jsonb'], 'allowed_origins': ['NULL', "'{https://a.example}'::text[]"],
    'signed_at': ['clock_timestamp()', 'now()'], 'expires_in': ['NULL', "'5 min'::interval", "'1 day'::interval"], 'older_than': ["'1 day'::interval", "'0'::interval"], 'max_items': ['10', '1000'],
    'range_start': ['NULL', '0', '2'], 'range_length': ['NULL', '10', '0'], 'content_length': ['NULL', '5', '10000000'], 'part_size': ['NULL', '5242880'], 'part_number': ['1', '10000'], 'part_numbers': ['NULL', "'{1,2}'::int[]"],
    'max_keys': ['NULL', '3', '0', '5000'], 'checksum_sha256': ['NULL', "sha256('hello')"], 'file_name': ["'photo.png'", "'Ünïcödé.tar.gz'"], 'download_as': ['NULL', "'file.png'"], 'user_id': ["'me'"], 'key_prefix': ["''", "'me/'"],
    'version_id': ['NULL', 'NULL', "'null'"], 'disposition': ["'inline'", "'attachment'"], 'size': ['NULL', '5'], 'min_length': ['NULL', '0'], 'max_length': ['NULL', '100000'], 'max_size': ['NULL', '100000000'],
}
HARMLESS_HOSTS = ["'127.0.0.1'", "'127.0.0.1, localhost'", "'*.invalid'", "'a..b'", "'127.0.0.1:x'", "','", "repeat('a.invalid,', 10000)", "E'127.0.0.1\\x01'", "'[::1'"]


class Values:
    def __init__(self, random): self.random = random

    def text(self):
        r = self.random
        kind = r.random()
        if kind < 0.1: return 'NULL'
        if kind < 0.6: return lit(r.choice(ODD))
        if kind < 0.7: return lit(''.join(r.choice(ODD) for _ in range(r.randrange(2, 5))))
        if kind < 0.85: return lit(''.join(self.character() for _ in range(r.randrange(1, 40))))
        return r.choice(LONG)

    def character(self):
        code = self.random.choice([self.random.randrange(1, 128), self.random.randrange(128, 0xd800), self.random.randrange(0xe000, 0x110000)])
        return chr(code)

    def short_text(self): return lit(self.random.choice(ODD))

    def jsonb(self):
        r = self.random
        kind = r.random()
        if kind < 0.1: return 'NULL'
        if kind < 0.7: return lit(r.choice(JSON)) + '::jsonb'
        if kind < 0.85: return f'jsonb_build_object({self.not_null(self.text)}, {self.text()})'
        return r.choice(BIG_JSON).format(n=r.choice([10, 100, 1000, 3000]))

    def not_null(self, make): return f"coalesce({make()}, '')"

    def number(self, bits):
        r = self.random
        if r.random() < 0.1: return 'NULL'
        value = r.choice(NUMBERS) if r.random() < 0.8 else r.randrange(-2**(bits - 1) + 1, 2**(bits - 1))
        return f'({max(-2**(bits - 1), min(2**(bits - 1) - 1, value))})::int{bits // 8}'

    def interval(self):
        r = self.random
        if r.random() < 0.1: return 'NULL'
        if r.random() < 0.7: return lit(r.choice(INTERVALS)) + '::interval'
        return f'make_interval(secs => {r.choice(["", "-"])}{r.random() * 10 ** r.randrange(0, 12):.3f})'

    def timestamptz(self):
        r = self.random
        if r.random() < 0.1: return 'NULL'
        return lit(r.choice(TIMES)) + '::timestamptz' if r.random() < 0.8 else f'now() + {self.interval()} * 0.001'

    def bytea(self): return self.random.choice(['NULL', *BYTES])

    def array(self, type_):
        r = self.random
        kind = r.random()
        make = getattr(self, {'text': 'text', 'bytea': 'bytea', 'integer': 'integer'}[type_])
        if kind < 0.1: return 'NULL'
        if kind < 0.2: return f"'{{}}'::{type_}[]"
        if kind < 0.6: return f'ARRAY[{", ".join(make() for _ in range(r.randrange(1, 6)))}]::{type_}[]'
        one = make()
        if kind < 0.75: return f'array_fill({one}::{type_}, ARRAY[{r.choice(["1", "3", "1001", "10001"])}])' if 'repeat' not in one else f'array_fill({one}::{type_}, ARRAY[5])'
        if kind < 0.9: return f"array_fill({'NULL' if 'repeat' in one else one}::{type_}, ARRAY[2, 3], ARRAY[-1, {r.choice([0, 5, 2**30])}])"
        return {'text': f"ARRAY(SELECT md5(n::text) FROM generate_series(1, {r.choice([10, 1000, 20000])}) n)", 'bytea': "ARRAY(SELECT sha256(n::text::bytea) FROM generate_series(1, 1000) n)",
                'integer': 'ARRAY(SELECT n FROM generate_series(-5, 10010) n)'}[type_]

    def integer(self): return self.number(32)

    def of_type(self, type_):
        """Any value, or None for a type of which there are none."""
        r = self.random
        makers = {'text': self.text, 'jsonb': self.jsonb, 'bigint': lambda: self.number(64), 'integer': self.integer, 'interval': self.interval, 'timestamp with time zone': self.timestamptz,
                  'bytea': self.bytea, 'boolean': lambda: r.choice(['NULL', 'true', 'false']), 'oid': lambda: r.choice(['NULL', *OIDS]), 'regclass': lambda: r.choice(['NULL', *CLASSES]),
                  'text[]': lambda: self.array('text'), 'bytea[]': lambda: self.array('bytea'), 'integer[]': lambda: self.array('integer')}
        return makers[type_]() if type_ in makers else None

    def valid(self, function, name, type_):
        if name == 'server': return lit(self.random.choice(SERVERS))
        choices = VALID.get(f'{function}.{name}') or VALID.get(name)
        return self.random.choice(choices) if choices else self.of_type(type_)

    def setting(self, name, type_, lowest, highest, words):
        """Any value of a setting, valid or not."""
        r = self.random
        if name == 'neon_s3.allowed_hosts': return r.choice(HARMLESS_HOSTS)
        if r.random() < 0.2: return self.not_null(self.text)
        if type_ == 'bool': return r.choice(["'on'", "'off'", "'maybe'"])
        if type_ == 'enum': return lit(r.choice(words))
        if type_ == 'integer': return lit(r.choice([lowest, highest, str(int(highest) + 1), str(int(lowest) - 1), '1', '50', '1.5', '1 h', '3kB', '-0', '0x10', '9' * 30]))
        return self.not_null(self.text)
