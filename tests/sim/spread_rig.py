"""A simulated OKX for spreads driven by hand, in the verbs of `okx_rig`."""

from daemon.sim.venues.okx.product import BUSINESS
from daemon.sim.venues.okx_spread.options import SpreadOptions
from daemon.sim.venues.okx_spread.venue import OkxSpreadVenue
from tests.sim.okx_rig import OkxFamilyRig
from tests.sim.rig import Json

SPRD_ID = "BTC-USDT_BTC-USDT-SWAP"
SETTLED_S = 0.05
"""How long settlement takes by default."""


class SpreadRig(OkxFamilyRig):
    """OKX where spreads are traded."""

    path = BUSINESS
    channel = "sprd-orders"
    cancel_op = "sprd-cancel-order"
    instrument = SPRD_ID
    qty = "3"
    price = "5"

    def __init__(self, options: SpreadOptions | None = None) -> None:
        super().__init__(OkxSpreadVenue(options))

    @property
    def subscription(self) -> dict[str, str]:
        return {"channel": self.channel}

    def rest_cancel(self, order: Json) -> tuple[int, Json]:
        return self.call("POST", "/api/v5/sprd/cancel-order", {"ordId": order["order_id"]})

    def query(self, order: Json) -> Json:
        answer = self.get(f"/sprd/order?ordId={order['order_id']}")
        return dict(answer["data"][0]) if answer["data"] else {"state": answer["code"]}
