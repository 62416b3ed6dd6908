# What each risk class means by default.
package gatehouse

permissions contains {"code": "read_allowed", "text": "Members may read."} if {
	is_known
	input.tool.risk == "read"
}

permissions contains {"code": "write_allowed", "text": "Members may change records of their own work."} if {
	is_known
	input.tool.risk == "write"
}

approval_texts := {
	"payment": "A payment needs the approval of someone else.",
	"prod_write": "A change in production needs the approval of two others.",
	"delete": "Deleting a record needs the approval of someone else.",
	"access": "A change of access needs the approval of someone else.",
	"outbound": "Sending data out needs the approval of someone else.",
	"code": "Running code needs the approval of someone else.",
	"unclassified": "This tool has no risk class, so each call needs the approval of someone else.",
}

approvals contains {"code": concat("_", [input.tool.risk, "needs_approval"]), "text": approval_texts[input.tool.risk]} if {
	is_known
	approval_texts[input.tool.risk]
}
