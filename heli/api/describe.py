"""The OpenAPI 3.1 description of all operations, made once."""

from __future__ import annotations

from functools import cache
from http.client import responses
from typing import Any

from ninja.schema import NinjaGenerateJsonSchema

from heli.api import operations
from heli.api.http import MINUTE, OPERATIONS, api
from heli.api.shapes import ErrorOut, FieldError

ROOT = "/api/v1"
INTRO = """合力的诉求闭环（诉、转、办、评），给别的系统用。页面上能做的每一步、能看的每张清单，这里都有，走的是同一段代码、同一套权限。

- 令牌：请管理员在“谁能做什么”里为一项授权开令牌，放在请求头 `Authorization: Bearer heli_…`。只认令牌，不认浏览器登录。
- 每个写操作都要请求头 `Idempotency-Key`：同一件事重发用同一个键，只会做一次，48 小时内回同样的结果。
- 出错时都是同一个样子：`code`（不变的代码）、`sentence`（该怎么办）、`field`（哪一项）。`Accept-Language: en` 回英文。
- 清单翻页：把上一页的 `next` 放进 `after`。每页 `size` 从 1 到 200。
- 每分钟能问多少次，看响应头 `X-RateLimit-Remaining`。

The same loop for machines. See docs/api.md for the first call."""
TAGS = {
    "public": "这是什么",
    "hear": "诉：收下、并单、拆单、不予受理",
    "dispatch": "转：派单、签收、退单、指定主办",
    "handle": "办：联系、协办、延期、答复",
    "judge": "评：评价、回访、多次没解决的",
    "oversee": "督办、延期审批、剔除",
    "requests": "查诉求",
    "personal": "谁说的：要说明用途，留记录",
    "link": "居民凭链接自己办",
    "places": "区域",
    "reference": "事项、派单目录、规则、工作日历",
    "orgs": "单位",
    "people": "账号和授权",
    "figures": "看板和公开的数",
    "doors": "微心愿、志愿活动、人民建议、政策通知的公开部分；驿站能借什么，预约和取消",
    "volunteering": "志愿活动：起草、送审、发布",
}
# What an answer leads to: operation → (operation, its parameter, where it stands in the answer)
LINKS = {
    "hear": [
        ("follow", "token", "link"),
        ("link_words", "token", "link"),
        ("link_judge", "token", "link"),
        ("link_withdraw", "token", "link"),
        ("get_request", "code", "code"),
        ("get_timeline", "code", "code"),
        ("get_proposals", "code", "code"),
        ("offer", "code", "code"),
        ("reclassify", "code", "code"),
        ("decline", "code", "code"),
    ],
    "offer": [
        ("accept", "dispatch_id", "id"),
        ("ask_return", "dispatch_id", "id"),
        ("decide_return", "dispatch_id", "id"),
    ],
    "ask_help": [("accept", "dispatch_id", "id"), ("give_opinion", "dispatch_id", "id")],
    "ask_extension": [("decide_extension", "extension_id", "id")],
    "write_reply": [("approve_reply", "reply_id", "id"), ("correct_reply", "reply_id", "id")],
    "propose_exclusion": [("confirm_exclusion", "exclusion_id", "id"), ("refuse_exclusion", "exclusion_id", "id")],
    "put_duty": [("get_duty", "row_id", "id"), ("end_duty", "row_id", "id")],
    "create_org": [("get_org", "org_id", "id"), ("close_org", "org_id", "id")],
    "add_member": [("end_member", "member_id", "id")],
    "give_grant": [("get_grant", "grant_id", "id"), ("end_grant", "grant_id", "id")],
}
RATE = {
    "X-RateLimit-Limit": f"Requests that are let in within {MINUTE} seconds.",
    "X-RateLimit-Remaining": "How many of them are left.",
    "X-RateLimit-Reset": "Seconds until the count begins anew.",
}


@cache
def description() -> dict[str, Any]:
    """The whole description as JSON can hold it. Not to be changed by who reads it."""
    assert operations is not None
    made: dict[str, Any] = dict(api.get_openapi_schema(path_prefix="api/v1/"))
    made["info"] = {
        "title": "合力 Heli API",
        "version": "1",
        "description": INTRO,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    made["openapi"] = "3.1.0"
    made["servers"] = [{"url": "/"}]
    made["tags"] = [{"name": k, "description": v} for k, v in TAGS.items()]
    made["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "heli_…", "description": "A token of a grant."}
    }
    for shape in (FieldError, ErrorOut):
        said = shape.model_json_schema(
            ref_template="#/components/schemas/{model}", mode="serialization", schema_generator=NinjaGenerateJsonSchema
        )
        said.pop("$defs", None)
        made["components"]["schemas"].setdefault(shape.__name__, said)
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorOut"}}}}
    statuses = {o.name: o.statuses[1:] for o in OPERATIONS}
    headers = {name: {"description": said, "schema": {"type": "string"}} for name, said in RATE.items()}
    for path in made["paths"].values():
        for one in path.values():
            one["responses"] = {str(status): {**said} for status, said in one["responses"].items()} | {
                str(status): {"description": responses[status]} | error for status in statuses[one["operationId"]]
            }
            for status, said in one["responses"].items():
                if status != "401":
                    said["headers"] = dict(headers)
            for target, name, where in LINKS.get(one["operationId"], ()):
                first = one["responses"][min(one["responses"])]
                leads = {"operationId": target, "parameters": {name: f"$response.body#/{where}"}}
                first.setdefault("links", {})[target] = leads
            if "429" in one["responses"]:
                wait = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
                one["responses"]["429"]["headers"] = headers | wait
    return made
