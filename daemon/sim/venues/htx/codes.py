"""HTX's codes, as far as the simulated venue says them: the text of each result code and of each control code.

The tables are read off HTX's error-code pages. They know no frames. A code that is not listed can still be said (a
fault may ask for any): it then has a general text.
"""

RESULTS: dict[str, str] = {
    "200": "Success",
    "403": "Verification failure [校验失败]",
    "1000": "System error.",
    "1004": "System busy. Please try again later.",
    "1005": "Query timeout.",
    "1013": "This contract symbol doesn't exist.",
    "1017": "Order doesn't exist.",
    "1030": "Abnormal service. Please try again later.",
    "1031": "Illegal request.",
    "1032": "The number of visits exceeds the limit. Please try again later.",
    "1051": "No orders to cancel.",
    "1052": "The number of orders exceeds the limit of a batch.",
    "1056": "In settlement. Unable to place or cancel orders.",
    "1060": "It's not in trading hours.",
    "1061": "The order does not exist.",
    "1062": "The order is being canceled, please be patient.",
    "1063": "The order has been executed.",
    "1065": "The client order ID must be an integer.",
    "1066": "The {} field cannot be empty.",
    "1067": "Illegal parameter {}.",
    "1071": "Repeated cancellation. Your order has been canceled.",
    "1084": "Your API is temporarily restricted from placing orders.",
    "1220": "You don't have access permission.",
    "1431": "The system is under maintenance.",
    "12001": "Invalid submission time.",
    "12002": "Incorrect signature version.",
    "12003": "Incorrect signature method.",
    "12006": "The timestamp is missing.",
    "12007": "Incorrect public key.",
    "12008": "Verification failed.",
}

CONTROL: dict[str, str] = {
    "2001": "Invalid authentication.",
    "2002": "Authentication required.",
    "2003": "Verification failure [校验失败]",
    "2004": "Number of visits exceeds limit.",
    "2005": "Connection has been authenticated.",
    "2010": "Topic error.",
    "2011": "Contract doesn't exist.",
    "2012": "Topic not subscribed.",
    "2013": "Authentication type doesn't exist.",
    "2014": "Repeated subscription.",
    "2030": "Exceeds connection limit of single user.",
    "2040": "Missing required parameter.",
}

INVALID_OP = "invalid.op/ch"
INVALID_JSON = "invalid.json"
OK = "200"
TOO_MANY = "1032"


def message(code: str, detail: str = "") -> str:
    """HTX's text for a result code, `detail` in its gap if it has one."""
    return RESULTS.get(code, "Operation failed.").format(detail)
