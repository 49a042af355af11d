"""What the API answers with, as pydantic models. Names as in the design; money is text, times are ISO 8601."""
