"""What a client is told when its request cannot be answered."""

from __future__ import annotations

from app.base.errors import KnownAppError


class ApiError(KnownAppError):
    """A request that is refused, or an answer that failed.

    Attributes:
        status: HTTP status.
        param: Name of the field that is to blame, "" if none is.
        code: A short word for programs, such as "unsupported_parameter".
        headers: More headers of the response.
    """

    def __init__(
        self, status: int, text: str, param: str = "", code: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.status, self.text, self.param, self.code = status, text, param, code
        self.headers = headers or {}

    @property
    def kind(self) -> str:
        """The word that OpenAI and Anthropic both use for this family of errors."""
        match self.status:
            case 401:
                return "authentication_error"
            case 403:
                return "permission_error"
            case 404:
                return "not_found_error"
            case 413:
                return "request_too_large"
            case 429 | 503:
                return "overloaded_error"
            case status if status >= 500:
                return "api_error"
            case _:
                return "invalid_request_error"


def bad(text: str, param: str = "", code: str = "invalid_value") -> ApiError:
    """A refusal because of what a field holds."""
    return ApiError(400, text, param, code)
