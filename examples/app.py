"""The guide's backend without a storage SDK and without S3 credentials: the database has both.

    apt-get install python3-flask python3-psycopg2
    DATABASE_URL=postgresql://... python3 examples/app.py     # http://127.0.0.1:5000

The role it connects as needs SELECT and INSERT on s3_files, USAGE on its sequence, and EXECUTE on s3_presign_upload and
s3_presign_get; the bucket must let this page in: s3_setup_bucket(..., allowed_origins => ARRAY['http://127.0.0.1:5000']).
"""
import os
import pathlib

import psycopg2
from flask import Flask, Response, jsonify, request

app = Flask(__name__)
PAGE = pathlib.Path(__file__).with_name('upload.html')
USER = 'user_123'  # whoever your app has authenticated


def query(sql, values=()):
    with psycopg2.connect(os.environ.get('DATABASE_URL', '')) as connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


@app.get('/')
def page():
    return Response(PAGE.read_text(), mimetype='text/html')


@app.post('/uploads')
def begin_upload():
    """A URL and its row, in one statement: neither is there without the other."""
    file = request.get_json()
    upload, = query("""
        SELECT u.method, u.presigned_url, u.headers, f.id
          FROM s3_presign_upload(%s, %s, content_length => %s) u,
               s3_save_metadata(u.object_key, u.public_file_url, %s) f""",
                    (file['name'], file['type'] or 'application/octet-stream', file['size'], USER))
    return jsonify(upload)


@app.get('/files')
def files():
    return jsonify(query("""
        SELECT id, object_key, s3_presign_get(object_key, '10 min') AS url
          FROM s3_files WHERE user_id = %s ORDER BY id""", (USER,)))


if __name__ == '__main__':
    app.run(port=int(os.environ.get('PORT', '5000')))
