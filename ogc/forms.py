"""Fields of an HTML form in a body, as the older protocols send what is too long for an address."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from twin.errors import BadRequestError

MOST_FIELDS = 100
MEDIA_TYPE = "application/x-www-form-urlencoded"


async def form_fields(request: Request) -> list[tuple[str, str]]:
    """Return the fields in the order they are in, empty ones too.

    BadRequestError ``bad-parameter`` for more than :data:`MOST_FIELDS`, ``bad-encoding`` for what is not UTF-8.
    """
    try:
        body = (await request.body()).decode()
        return parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except UnicodeDecodeError:
        raise BadRequestError("the form is not UTF-8", zh="表单不是 UTF-8 编码").with_code("bad-encoding") from None
    except ValueError:
        error = BadRequestError(f"a form has at most {MOST_FIELDS} fields", zh=f"表单至多 {MOST_FIELDS} 个字段")
        raise error.with_code("bad-parameter") from None


def is_form(request: Request) -> bool:
    """Return whether the body of a request says that it is a form."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == MEDIA_TYPE
