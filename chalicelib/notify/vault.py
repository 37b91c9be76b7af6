"""What is too big for a row, or must outlive us, as objects in S3."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from chalicelib.notify.answers import asked, code_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class BucketVault:
    """One bucket. Its own encryption applies; reading what is not there needs `s3:ListBucket`, else AWS says that it is
    forbidden, which is Refused and never "none"."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, content: bytes) -> None:
        with asked(f"write s3://{self._bucket}/{key}"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content)

    def get(self, key: str) -> bytes | None:
        with asked(f"read s3://{self._bucket}/{key}"):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise
