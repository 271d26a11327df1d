"""The two endpoints of Neon's guide "File storage with AWS S3": no SDK, no credentials."""
import os

import psycopg
from flask import Flask, jsonify, request

from database import as_user
from page import page

app = Flask(__name__)


def user_of(request):
    """Replace this with your actual authentication: who this returns is who row-level security lets in."""
    return 'user_123'


@app.post('/presign-upload')
def presign_upload():
    """A row and a URL, or neither."""
    try:
        data = request.get_json()
        if not data.get('fileName') or not data.get('contentType'):
            raise ValueError('fileName and contentType required')
        upload, = as_user(user_of(request), """
            SELECT presigned_url AS "presignedUrl", object_key AS "objectKey", public_file_url AS "publicFileUrl"
              FROM presign_upload(%(fileName)s, %(contentType)s)""", data)
        return jsonify(success=True, **upload), 200
    except (psycopg.Error, ValueError) as e:
        print(f'Presign Error: {e}')
        return jsonify(success=False, error=f'Failed to prepare upload: {e}'), 500
    except Exception as e:
        print(f'Unexpected Presign Error: {e}')
        return jsonify(success=False, error='Server error'), 500


@app.post('/save-metadata')
def save_metadata():
    """The database asks the bucket whether the file is there, and takes nobody's word for it."""
    try:
        object_key = request.get_json().get('objectKey')
        if not object_key:
            raise ValueError('objectKey required')
        as_user(user_of(request), 'SELECT s3_confirm_upload(%s)', (object_key,))
        return jsonify(success=True), 201
    except (psycopg.Error, ValueError) as e:
        print(f'Metadata Save Error: {e}')
        return jsonify(success=False, error='Failed to save metadata'), 500
    except Exception as e:
        print(f'Unexpected Metadata Save Error: {e}')
        return jsonify(success=False, error='Server error'), 500


app.register_blueprint(page(user_of))  # examples/browser and examples/uppy; the guide's endpoints don't need it

if __name__ == '__main__':
    app.run(port=int(os.environ.get('PORT', 3000)))
