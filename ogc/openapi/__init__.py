"""The OpenAPI 3.0 definition of the door, one file a subject, derived from the same names the parsers use."""

from ogc.openapi.document import MEDIA_TYPE, openapi_document

__all__ = ["MEDIA_TYPE", "openapi_document"]
