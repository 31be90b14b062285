"""Charges, looks and gives back through the client that openapi-python-client made of a node's description.

usage: pays.py FOLDER_OF_THE_CLIENT URL KEY AMOUNT_FEN PAYMENT_CODE REFUND_FEN
"""

import json
import sys
import uuid

folder, url, key, amount_fen, code, refund_fen = sys.argv[1:]
sys.path.insert(0, folder)

from node import AuthenticatedClient  # noqa: E402
from node.api.payments import charge, get_payment, list_payments, refund_payment  # noqa: E402
from node.models import Charge, Kind, Payment, ProblemBody, Refund, State  # noqa: E402


def show(what, answer):
    assert isinstance(answer, Payment), (what, answer)
    print(json.dumps({"what": what, **answer.to_dict()}, ensure_ascii=False))
    return answer


with AuthenticatedClient(base_url=url, token=key, timeout=75) as client:
    asked = Charge(amount_fen=int(amount_fen), auth_code=code)
    once = str(uuid.uuid4())
    paid = show("charge", charge.sync(client=client, body=asked, idempotency_key=once))
    assert paid.state is State.PAID, paid
    again = show("again", charge.sync(client=client, body=asked, idempotency_key=once))
    assert again.order_no == paid.order_no, (paid, again)
    back = Refund(amount_fen=int(refund_fen))
    show("refund", refund_payment.sync(paid.order_no, client=client, body=back, idempotency_key=str(uuid.uuid4())))
    show("query", get_payment.sync(paid.order_no, client=client))
    listed = list_payments.sync(client=client, limit=1, kind=Kind.CHARGE)
    assert [item.order_no for item in listed.items] == [paid.order_no], listed
    goods = charge.sync(client=client, body=Charge(amount_fen=1, auth_code="6901234567892"), idempotency_key=str(uuid.uuid4()))
    assert isinstance(goods, ProblemBody) and goods.code == "goods_code", goods
