"""What examples/browser and examples/uppy ask for. Every route is one SQL call."""
import pathlib

import psycopg
from flask import Blueprint, jsonify, redirect, request, send_from_directory
from markupsafe import escape

from database import as_user

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent

STATEMENTS = {
    'files': """
        SELECT id, object_key AS "objectKey", file_name AS name, content_type AS type, size, upload_timestamp AS "uploadedAt",
               s3_file_url(object_key, '1 hour') AS url, s3_file_url(object_key, '1 hour', download_as => file_name) AS "downloadUrl"
          FROM s3_files WHERE confirmed_at IS NOT NULL ORDER BY id DESC LIMIT 200""",
    'remove': 'DELETE FROM s3_files WHERE id = %(id)s RETURNING id',
    'begin': """
        SELECT object_key AS "objectKey", method, presigned_url AS url, headers
          FROM s3_begin_upload(%(name)s, coalesce(nullif(%(type)s, ''), s3_content_type(%(name)s), 'application/octet-stream'),
                 %(user)s, content_length => %(size)s::file_size, columns => jsonb_build_object('file_name', %(name)s::text))""",
    'begin_multipart': """
        SELECT object_key AS "objectKey", upload_id AS "uploadId", part_size AS "partSize", part_count AS "partCount"
          FROM s3_begin_multipart_upload(%(name)s, coalesce(nullif(%(type)s, ''), s3_content_type(%(name)s), 'application/octet-stream'),
                 %(user)s, %(size)s::file_size, part_size => %(partSize)s, columns => jsonb_build_object('file_name', %(name)s::text))""",
    'unfinished': """
        SELECT u.object_key AS "objectKey", f.file_name AS name, u.content_length AS size, u.begun_at AS "begunAt"
          FROM s3_uploads u JOIN s3_files f USING (object_key) WHERE u.upload_id IS NOT NULL ORDER BY f.id""",
    'parts': """
        SELECT part_number AS "partNumber", size, presigned_url AS url,
               (part_number - 1) * (SELECT first.size FROM s3_upload_part_urls(%(objectKey)s, '{1}') first) AS start
          FROM s3_upload_part_urls(%(objectKey)s, %(partNumbers)s, '1 hour') ORDER BY part_number""",
    'uploaded_parts': 'SELECT part_number AS "partNumber", size, etag FROM s3_uploaded_parts(%(objectKey)s)',
    'confirm': 'SELECT object_key AS "objectKey", size, content_type AS type FROM s3_confirm_upload(%(objectKey)s)',
    'abort': 'SELECT s3_abort_upload(%(objectKey)s) AS aborted',
    'form': """
        SELECT url, fields, (SELECT coalesce(jsonb_agg(jsonb_build_object('name', file_name, 'url',
                 s3_file_url(object_key, '1 hour', download_as => file_name)) ORDER BY id DESC), '[]')
            FROM s3_files WHERE confirmed_at IS NOT NULL) AS files
          FROM upload_form(%(redirect)s)""",
    'save_form': 'SELECT save_form(%(key)s)',
}

# SQLSTATE: HTTP status, and what to say; without text, what the database says.
REFUSALS = {
    '22003': (400, None),
    '22P02': (400, None),
    '22023': (400, None),
    '23514': (413, 'the file is larger than this site takes'),
    '42501': (404, 'there is no such file, or it is not yours'),
    'P0002': (409, 'the bucket has no such file'),
    '55000': (409, None),
}
FIELDS = ('name', 'type', 'size', 'partSize', 'objectKey', 'partNumbers')


def refusal(error):
    print(f'{request.method} {request.path}: {error}')
    status, text = REFUSALS.get(error.sqlstate, (500, 'the server could not do that'))
    return jsonify(success=False, error=text or error.diag.message_primary, code=error.sqlstate), status


def form_page(form):
    html = (EXAMPLES / 'browser/form.html').read_text()
    fields = ''.join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
                     for name, value in form['fields'].items())
    files = ''.join(f'<li><a href="{escape(file["url"])}">{escape(file["name"])}</a></li>' for file in form['files'])
    for name, text in (('url', escape(form['url'])), ('fields', fields), ('files', files)):
        html = html.replace('{{%s}}' % name, str(text))
    return html


def page(user_of):
    routes = Blueprint('page', __name__)
    routes.register_error_handler(psycopg.Error, refusal)

    def run(name, values=None):
        return as_user(user_of(request), STATEMENTS[name], values)

    def post(path, name, many=False):
        """A route whose statement takes its values from the request's JSON."""
        def route():
            body = request.get_json()
            rows = run(name, {'user': user_of(request), **{field: body.get(field) for field in FIELDS}})
            return jsonify(rows if many else rows[0])
        routes.add_url_rule(path, name, route, methods=['POST'])

    def files(path, folder, names):
        for name in names:
            routes.add_url_rule(path if name == 'index.html' else path + name, f'{folder} {name}'.replace('.', '-'),
                                lambda name=name: send_from_directory(EXAMPLES / folder, name))

    files('/', 'browser', ['index.html', 'page.js', 'upload.js', 'backend.js', 'style.css'])
    files('/uppy/', 'uppy/dist', ['index.html', 'uppy.js', 'uppy.css'])
    routes.add_url_rule('/files', 'files', lambda: jsonify(run('files')))
    routes.add_url_rule('/uploads', 'unfinished', lambda: jsonify(run('unfinished')))
    post('/uploads', 'begin')
    post('/uploads/multipart', 'begin_multipart')
    post('/uploads/parts', 'parts', many=True)
    post('/uploads/uploaded-parts', 'uploaded_parts', many=True)
    post('/uploads/confirm', 'confirm')
    post('/uploads/abort', 'abort')

    @routes.delete('/files/<int:id>')
    def remove(id):
        rows = run('remove', {'id': id})
        return jsonify(rows[0]) if rows else (jsonify(success=False, error=REFUSALS['42501'][1]), 404)

    @routes.get('/form')
    def form():
        return form_page(run('form', {'redirect': request.url_root + 'form/done'})[0])

    @routes.get('/form/done')
    def form_done():
        run('save_form', {'key': request.args.get('key')})
        return redirect('/form', 303)

    return routes
