# What each risk class means by default, and when its gate opens without asking others.
package gatehouse

permissions contains {"code": "read_allowed", "text": "Members may read."} if {
	is_known
	input.tool.risk == "read"
}

permissions contains {"code": "write_allowed", "text": "Members may change records of their own work."} if {
	is_known
	not is_automation
	input.tool.risk == "write"
}

permissions contains {"code": "reply_allowed", "text": "An automation may reply."} if {
	is_known
	is_automation
	is_reply
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

# Somebody else has to approve.
is_gated if {
	is_known
	approval_texts[input.tool.risk]
	not is_unasked
	not confirmed_here
	not inside_declaration
}

approvals contains {"code": concat("_", [input.tool.risk, "needs_approval"]), "text": approval_texts[input.tool.risk]} if {
	is_gated
	not is_standing
}

# The small call, by whom approvals.yaml says.
is_unasked if {
	is_known
	not is_automation
	limit := class.unasked
	not opened_by_words[input.tool.risk]
	few_enough(limit)
	small_enough(limit)
	right_role(limit)
}

is_unasked if {
	is_known
	not is_automation
	is_own_order
	right_role(class.unasked)
}

# To a few known recipients.
few_enough(limit) if {
	input.recipients.count > 0
	input.recipients.count <= limit.recipients
	known_enough(limit)
}

# To nobody: an entry in one's own calendar.
few_enough(_) if {
	input.tool.risk == "outbound"
	input.recipients.nobody
}

# To whom its tool always pays, where the requester ordered just that; whether it was paid before cannot be told.
few_enough(limit) if {
	input.tool.risk == "payment"
	input.recipients.count == 0
	input.ordered
	not limit.knownRecipients
}

# These open for the requester's own order alone, where approvals.yaml says so: in a session that has read nothing from
# outside, for a call that can be taken back, with every value in their own words or looked up for them.
opened_by_words := {"delete", "access"}

is_own_order if {
	opened_by_words[input.tool.risk]
	class.unasked.ownWords
	input.recipients.count <= class.unasked.recipients
	known_enough(class.unasked)
	input.undoable
	input.ordered
	not input.session.outside
	every leaf in input.leaves {
		said(leaf)
	}
}

said(leaf) if leaf.kind == "content"

said(leaf) if leaf.origin in {"user", "constant", "resolved"}

known_enough(limit) if not limit.knownRecipients

known_enough(_) if count(input.recipients.firstTime) == 0

small_enough(_) if {
	input.money == null
	input.tool.risk != "payment"
}

small_enough(limit) if {
	some step in limit.upTo
	step.currency == input.money.currency
	input.money.cents <= step.cents
}

right_role(limit) if not limit.roles

right_role(limit) if {
	some role in limit.roles
	role in input.actor.roles
}

permissions contains {"code": "small_enough", "text": "It is small enough, and goes where it has gone before."} if {
	is_unasked
	not is_own_order
}

permissions contains {"code": "own_order", "text": "You ordered it in your own words, and it can be taken back."} if {
	is_unasked
	is_own_order
}

# Outside production, the requester's own word may be enough.
confirmed_here if {
	is_known
	not is_automation
	input.environment != "production"
	input.environment in class.confirmIn
}

confirmations contains {"code": "confirm_outside_production", "text": "Outside production, your own confirmation is enough."} if {
	approval_texts[input.tool.risk]
	confirmed_here
	not is_unasked
	not is_standing
}

# What approvers allowed beforehand, within a total, for a time, to where it goes: it lifts the gate of the class alone.
never_standing := {"code", "access", "delete"}

is_standing if {
	input.standing == true
	not never_standing[input.tool.risk]
}

permissions contains standing_reason if {
	is_known
	is_standing
	approval_texts[input.tool.risk]
}

standing_reason := {"code": "standing_grant", "text": "An approver allowed calls like this one beforehand."}

standing_reasons := {standing_reason | is_standing}
