// Microseconds of CPU per URL that the AWS SDK presigns.
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'

const s3 = new S3Client({
  region: 'eu-central-1',
  credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
})
const sign = (i) => getSignedUrl(s3, new PutObjectCommand({ Bucket: 'my-bucket', Key: `uploads/${i}.png`, ContentType: 'image/png' }),
  { expiresIn: 300, signableHeaders: new Set(['content-type']) })
for (let i = 0; i < 200; i++) await sign(i)
const count = Number(process.argv[2])
const start = process.cpuUsage()
for (let i = 0; i < count; i++) await sign(i)
const used = process.cpuUsage(start)
console.log((used.user + used.system) / count)
