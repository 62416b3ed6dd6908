# What the tests of rules share: a member who reads, and what differs from that.
package gatehouse_test

import data.gatehouse

member := {
	"tool": {"name": "ledger.balance", "risk": "read", "connector": "postgres", "kinds": {}, "dataClass": "internal", "money": []},
	"args": {},
	"money": null,
	"leaves": [],
	"advisory": false,
	"standing": false,
	"anchored": true,
	"ordered": false,
	"undoable": false,
	"carried": {"hosts": [], "secret": false, "added": false},
	"actor": {"principal": "requester", "display": "Robin", "roles": ["member"], "groups": [], "standing": "member"},
	"channel": {"kind": "web", "visibility": "dm"},
	"ingress": "session",
	"session": {"tainted": false, "outside": false, "pendingAsks": 0, "cardOpen": false, "classesRead": []},
	"recipients": {"count": 0, "firstTime": [], "nobody": false},
	"rejectedBefore": false,
	"budgets": [],
	"uncovered": false,
	"environment": "production",
	"localTime": null,
	"now": "2026-11-02T10:00:00Z",
}

# Facts are merged into those of the member.
asking(change) := object.union(member, change)

acting(change) := asking({"actor": change})

calling(name, risk) := asking({"tool": {"name": name, "risk": risk}})

paying(cents, currency) := asking({
	"tool": {"name": "ledger.transfer", "risk": "payment"},
	"money": {"cents": cents, "currency": currency},
})

classes := {"payment": {"groups": ["approvers"], "quorum": 1, "from": {"EUR": [{"cents": 100000, "quorum": 2}]}}}

leaf(kind, origin) := {"at": "/to", "arg": "to", "kind": kind, "origin": origin}

codes(reasons) := {reason.code | some reason in reasons}

decided(effect, wanted) if {
	gatehouse.decision.effect == effect
	codes(gatehouse.decision.reasons) == wanted
}
