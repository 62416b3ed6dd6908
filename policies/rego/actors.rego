# Who may ask for anything at all.
package gatehouse

known_standings := {"owner", "member", "paired"}

is_known if {
	input.actor.principal != null
	known_standings[input.actor.standing]
	is_verified
}

# Anybody can write any sender into a mail; only one that its domain signed came from there.
is_verified if input.channel.kind != "email"

is_verified if input.ingress == "dkim"

is_guest if {
	input.actor.principal != null
	input.actor.standing == "guest"
}

is_guest if {
	input.actor.principal != null
	known_standings[input.actor.standing]
	not is_verified
}

is_reply if input.tool.name == "conversation.reply"

# An automation acts under its own name; people stand behind everything else.
is_automation if "automation" in input.actor.roles

denials contains {"code": "actor_unknown", "text": "Only people that Gatehouse knows may do this. Pair first."} if {
	not is_known
	not is_guest
}

denials contains {"code": "guest_reads_public", "text": "Guests, and senders of unverified mail, may only read what is public."} if {
	is_guest
	not guest_may
}

guest_may if {
	input.tool.risk == "read"
	input.tool.dataClass == "public"
}

guest_may if is_reply

permissions contains {"code": "guest_allowed", "text": "Everybody may read what is public."} if {
	is_guest
	guest_may
}

denials contains {"code": "role_reads_only", "text": "Your role may only read and reply."} if {
	"viewer" in input.actor.roles
	input.tool.risk != "read"
	not is_reply
	not startswith(input.tool.name, "gatehouse.")
}

denials contains {"code": "role_may_not_ask", "text": "Your role may not ask for this. approvals.yaml lists the roles that may."} if {
	count(class.roles) > 0
	not is_automation
	count({role | some role in class.roles; role in input.actor.roles}) == 0
}
