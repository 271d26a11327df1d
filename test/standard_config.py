#!/usr/bin/env python3
"""Writes test/vectors/standard_config.jsonl: what botocore makes of environments, files and access points.

Needs a botocore that knows AWS_ENDPOINT_URL (1.31 or later). With --check it compares instead with
the vectors that are there, and prints how many differ.
"""
import itertools
import json
import os
import sys
import tempfile

import botocore
import botocore.loaders
import botocore.session
from botocore.config import Config

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'vectors', 'standard_config.jsonl')

ENVIRONMENTS = [
    {},
    {'AWS_DEFAULT_REGION': 'eu-central-1'},
    {'AWS_REGION': 'eu-west-1'},
    {'AWS_REGION': 'eu-west-1', 'AWS_DEFAULT_REGION': 'eu-central-1'},
    {'AWS_ENDPOINT_URL': 'http://127.0.0.1:4566'},
    {'AWS_ENDPOINT_URL_S3': 'https://s3.example.com:9000/base', 'AWS_ENDPOINT_URL': 'http://127.0.0.1:4566'},
    {'AWS_ENDPOINT_URL_S3': 'https://s3.example.com', 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS': 'True'},
    {'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS': 'false'},
    {'AWS_USE_FIPS_ENDPOINT': 'true', 'AWS_DEFAULT_REGION': 'us-gov-west-1'},
    {'AWS_USE_FIPS_ENDPOINT': 'TRUE'},
    {'AWS_USE_FIPS_ENDPOINT': 'false'},
    {'AWS_USE_FIPS_ENDPOINT': 'yes'},
    {'AWS_USE_DUALSTACK_ENDPOINT': 'true'},
    {'AWS_USE_DUALSTACK_ENDPOINT': 'false'},
    {'AWS_USE_DUALSTACK_ENDPOINT': 'true', 'AWS_USE_FIPS_ENDPOINT': 'true'},
    {'AWS_USE_DUALSTACK_ENDPOINT': 'true', 'AWS_DEFAULT_REGION': 'cn-north-1'},
    {'AWS_USE_FIPS_ENDPOINT': 'true', 'AWS_DEFAULT_REGION': 'cn-north-1'},
    {'AWS_PROFILE': 'other'},
    {'AWS_DEFAULT_PROFILE': 'other', 'AWS_PROFILE': 'default'},
]

OTHER = '[profile other]\nregion = ca-central-1\nendpoint_url = http://other.example.com\ns3 =\n  addressing_style = virtual\n'
CONFIGS = [
    '',
    '[default]\nregion = us-west-2\n',
    '[default]\nregion=us-west-2\nendpoint_url = http://minio.example.com:9000\n',
    '[default]\nservices = local\nendpoint_url = http://minio.example.com:9000\n[services local]\ns3 =\n  endpoint_url = http://s3.local\n',
    '[default]\nservices = local\nendpoint_url = http://minio.example.com:9000\n[services local]\nsqs =\n  endpoint_url = http://sqs.local\n',
    '[default]\nservices = none\n',
    '[default]\nuse_fips_endpoint = true\nregion = us-east-2\n',
    '[default]\nuse_dualstack_endpoint = true\nregion = us-east-2\n',
    '[default]\nuse_dualstack_endpoint = true\nregion = us-east-2\ns3 =\n  use_dualstack_endpoint = false\n',
    '[default]\nregion = us-east-2\ns3 =\n  use_dualstack_endpoint = true\n  addressing_style = path\n',
    '[default]\nregion = us-east-2\ns3 =\n  addressing_style = virtual\n',
    '[default]\ns3 =\n  addressing_style = auto\nignore_configured_endpoint_urls = true\nendpoint_url = http://minio.example.com\n',
    '[default]\nendpoint_url = http://minio.example.com\ns3 =\n  addressing_style = virtual\n',
    '# comment\n[profile default]\nregion = sa-east-1\n[preview]\nx = y\n[sso-session s]\nsso_region = eu-west-3\n',
]
CREDENTIALS = [
    '[default]\naws_access_key_id = A\naws_secret_access_key = s\n',
    '[default]\nregion = ap-south-1\ns3 =\n  addressing_style = path\n',
]

# Access points in place of a bucket.
POINT = 'arn:aws:s3:eu-west-1:123456789012:accesspoint/my-point'
POINTS = [
    POINT,
    'arn:aws:s3:us-east-1:123456789012:accesspoint:other',
    'arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/my-point',
    'arn:aws-us-gov:s3:us-gov-west-1:123456789012:accesspoint/my-point',
    'arn:aws-us-gov:s3:us-gov-east-1:123456789012:accesspoint/my-point',
    # Refused.
    'arn:aws:s3:eu-west-1:123456789012:accesspoint/',
    'arn:aws:s3:eu-west-1:123456789012:accesspoint/a/b',
    'arn:aws:s3:eu-west-1:123456789012:accesspoint/my.point',
    'arn:aws:s3:eu-west-1:123456789012:accesspoint/-point',
    'arn:aws:s3:eu-west-1:12345678901:accesspoint/my-point',
    'arn:aws:s3:eu-west-1::accesspoint/my-point',
    'arn:aws:s3:EU-west-1:123456789012:accesspoint/my-point',
    'arn:aws:s3:cn-north-1:123456789012:accesspoint/my-point',
    'arn:aws:s3:eu-west-1:123456789012:bucket/files',
    'arn:aws:s3:::files',
    'arn:aws:sqs:eu-west-1:123456789012:queue',
]
POINT_ENVIRONMENTS = [{}, *({'AWS_DEFAULT_REGION': region} for region in ('eu-west-1', 'us-west-2', 'cn-north-1', 'us-gov-west-1'))]
POINT_VARIANTS = [
    {},
    {'AWS_USE_FIPS_ENDPOINT': 'true'},
    {'AWS_USE_DUALSTACK_ENDPOINT': 'true'},
    {'AWS_USE_FIPS_ENDPOINT': 'true', 'AWS_USE_DUALSTACK_ENDPOINT': 'true'},
    {'AWS_S3_USE_ARN_REGION': 'false'},
    {'AWS_S3_USE_ARN_REGION': 'TRUE'},
    {'AWS_S3_USE_ARN_REGION': 'nonsense'},
    {'AWS_ENDPOINT_URL_S3': 'https://s3.example.com:9000/base'},
    {'AWS_ENDPOINT_URL': 'https://accesspoint.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com'},
]
POINT_CONFIGS = [
    '[default]\nregion = us-west-2\ns3 =\n  use_arn_region = false\n',
    '[default]\nregion = us-west-2\ns3_use_arn_region = false\n',
    '[default]\nregion = us-west-2\ns3_use_arn_region = true\ns3 =\n  use_arn_region = false\n',
    '[default]\nregion = us-west-2\ns3_use_arn_region = false\ns3 =\n  use_arn_region = true\n',
    '[default]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n',
    '[default]\nregion = eu-west-1\ns3 =\n  addressing_style = virtual\n  use_dualstack_endpoint = true\n',
]

# Reads each of botocore's own files once.
LOADER = botocore.loaders.create_loader()


class Sent(Exception):
    """Nothing goes further than this."""


def ask(case):
    """{"region": …, "url": …} of the bucket's object "k", or {"error": …}."""
    with tempfile.TemporaryDirectory() as directory:
        names = {}
        for kind in ('config', 'credentials'):
            names[kind] = os.path.join(directory, kind)
            with open(names[kind], 'w') as file:
                file.write(case[kind])
        for name in [name for name in os.environ if name.startswith('AWS_')]:
            del os.environ[name]
        os.environ.update(case['env'])
        # botocore does not read AWS_REGION; AWS's command line and other tools do, and put it first.
        if 'AWS_REGION' in case['env']:
            os.environ['AWS_DEFAULT_REGION'] = case['env']['AWS_REGION']
        os.environ.update(AWS_CONFIG_FILE=names['config'], AWS_SHARED_CREDENTIALS_FILE=names['credentials'],
                          AWS_EC2_METADATA_DISABLED='true', AWS_S3_US_EAST_1_REGIONAL_ENDPOINT='regional')
        try:
            session = botocore.session.Session()
            session.register_component('data_loader', LOADER)
            region = session.get_config_variable('region') or 'us-east-1'
            client = session.create_client('s3', region_name=region, aws_access_key_id='A', aws_secret_access_key='s',
                                           config=Config(signature_version='s3v4'))
            sent = []

            def answer(request, **_):
                sent.append(request)
                raise Sent

            client.meta.events.register('before-send.s3', answer)
            client.head_object(Bucket=case['bucket'], Key='k')
        except Sent:
            pass
        except Exception as error:  # whatever it is: the case is refused
            return {'error': type(error).__name__}
        authorization = sent[0].headers['Authorization']
        if isinstance(authorization, bytes):
            authorization = authorization.decode()
        return {'region': authorization.split('Credential=')[1].split('/')[2], 'url': sent[0].url}


def cases():
    """Every environment with every file; credentials files and buckets with some of them."""
    for env, config in itertools.product(ENVIRONMENTS, CONFIGS):
        yield {'env': env, 'config': config + OTHER, 'credentials': '', 'bucket': 'files'}
    for env, config, credentials in itertools.product(ENVIRONMENTS[:2], CONFIGS, CREDENTIALS):
        yield {'env': env, 'config': config + OTHER, 'credentials': credentials, 'bucket': 'my.files'}
    for env, variant, point in itertools.product(POINT_ENVIRONMENTS, POINT_VARIANTS, POINTS):
        yield {'env': {**env, **variant}, 'config': '', 'credentials': '', 'bucket': point}
    for env, config in itertools.product(({}, {'AWS_S3_USE_ARN_REGION': 'true'}, {'AWS_S3_USE_ARN_REGION': 'false'}), POINT_CONFIGS):
        yield {'env': env, 'config': config, 'credentials': '', 'bucket': POINT}


def main():
    if sys.argv[1:] == ['--check']:
        with open(VECTORS) as file:
            known = [json.loads(line) for line in file]
        differing = [case for case in known if ask(case) != case['expected']]
        print(f'{len(known)} cases, {len(differing)} differ with botocore {botocore.__version__}')
        sys.exit(1 if differing else 0)
    with open(VECTORS, 'w') as file:
        for case in cases():
            file.write(json.dumps({**case, 'expected': ask(case)}) + '\n')


if __name__ == '__main__':
    main()
