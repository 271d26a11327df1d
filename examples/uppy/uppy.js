// Uppy's own functions, each answered by one SQL call of the backend.
import AwsS3 from '@uppy/aws-s3'
import Uppy from '@uppy/core'
import Dashboard from '@uppy/dashboard'
import '@uppy/core/css/style.min.css'
import '@uppy/dashboard/css/style.min.css'

const MiB = 1024 * 1024

async function ask(path, body, signal) {
  const reply = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  })
  const content = await reply.json()
  if (!reply.ok) throw new Error(content.error)
  return content
}

// S3 takes 10,000 parts at most; the URL of each is for a part of exactly its size.
const chunkSize = ({ size }) => Math.max(8 * MiB, Math.ceil(size / 10000))
const about = ({ name, type, size }) => ({ name, type, size })

const uppy = new Uppy()
  .use(Dashboard, { inline: true, target: '#dashboard', theme: 'auto', width: '100%', proudlyDisplayPoweredByUppy: false })
  .use(AwsS3, {
    shouldUseMultipart: (file) => file.size > 10 * MiB,
    getChunkSize: chunkSize,

    async getUploadParameters(file, { signal }) {
      const { objectKey, method, url, headers } = await ask('/uploads', about(file), signal)
      uppy.setFileMeta(file.id, { objectKey })
      delete headers['content-length'] // browsers send that by themselves
      return { method, url, headers }
    },

    async createMultipartUpload(file) {
      const { objectKey, uploadId } = await ask('/uploads/multipart', { ...about(file), partSize: chunkSize(file) })
      return { uploadId, key: objectKey }
    },

    async signPart(file, { key, partNumber, signal }) {
      const [{ url }] = await ask('/uploads/parts', { objectKey: key, partNumbers: [partNumber] }, signal)
      return { url }
    },

    async listParts(file, { key, signal }) {
      const parts = await ask('/uploads/uploaded-parts', { objectKey: key }, signal)
      return parts.map(({ partNumber, size, etag }) => ({ PartNumber: partNumber, Size: size, ETag: etag }))
    },

    async completeMultipartUpload(file, { key, signal }) {
      await ask('/uploads/confirm', { objectKey: key }, signal)
      return {}
    },

    async abortMultipartUpload(file, { key, signal }) {
      await ask('/uploads/abort', { objectKey: key }, signal)
    },
  })

// A file that was sent as a whole is confirmed when it is there.
uppy.addPostProcessor((ids) => Promise.all(ids.map(async (id) => {
  const { error, meta: { objectKey } } = uppy.getFile(id)
  if (objectKey && !error) await ask('/uploads/confirm', { objectKey })
})))

window.uppy = uppy // for the console
