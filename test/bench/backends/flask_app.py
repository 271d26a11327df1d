"""A storage backend with two endpoints, as Neon's guide has it, with Flask and boto3; and the same as one statement."""
import uuid

import boto3
from botocore.config import Config
from flask import Flask, jsonify, request
from psycopg2.pool import ThreadedConnectionPool

BUCKET, REGION = 'my-bucket', 'eu-central-1'
app = Flask(__name__)
s3 = boto3.client('s3', region_name=REGION, aws_access_key_id='AKIAIOSFODNN7EXAMPLE',
                  aws_secret_access_key='wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', config=Config(signature_version='s3v4'))
pool = ThreadedConnectionPool(1, 8, '')


def fetch(sql, values):
    connection = pool.getconn()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchone()
    finally:
        pool.putconn(connection)


@app.post('/presign-upload')
def presign_upload():
    body = request.get_json()
    key = f"{uuid.uuid4()}-{body['fileName']}"
    url = s3.generate_presigned_url('put_object', Params={'Bucket': BUCKET, 'Key': key, 'ContentType': body['contentType']}, ExpiresIn=300)
    return jsonify(presignedUrl=url, objectKey=key, publicFileUrl=f'https://{BUCKET}.s3.{REGION}.amazonaws.com/{key}')


@app.post('/save-metadata')
def save_metadata():
    body = request.get_json()
    row = fetch('INSERT INTO s3_files (object_key, file_url, user_id) VALUES (%s, %s, %s) RETURNING id',
                (body['objectKey'], body['publicFileUrl'], 'user_123'))
    return jsonify(id=row[0])


@app.post('/upload')
def upload():
    body = request.get_json()
    row = fetch('SELECT u.presigned_url, u.headers, f.id FROM s3_presign_upload(%s, %s) u, '
                's3_save_metadata(u.object_key, u.public_file_url, %s) f', (body['fileName'], body['contentType'], 'user_123'))
    return jsonify(presignedUrl=row[0], headers=row[1], id=row[2])
