# Who may ask for anything at all.
package gatehouse

known_standings := {"owner", "member", "paired"}

is_known if {
	input.actor.principal != null
	known_standings[input.actor.standing]
}

# An automation acts under its own name and only reads; people stand behind everything else.
is_automation if "automation" in input.actor.roles

denials contains {"code": "actor_unknown", "text": "Only people that Gatehouse knows may do this. Pair first."} if {
	not is_known
}

denials contains {"code": "automation_limited", "text": "An automation may only read and reply."} if {
	is_automation
	input.tool.risk != "read"
	input.tool.name != "conversation.reply"
}

denials contains {"code": "role_reads_only", "text": "Your role may only read and reply."} if {
	"viewer" in input.actor.roles
	input.tool.risk != "read"
	input.tool.name != "conversation.reply"
	not startswith(input.tool.name, "gatehouse.")
}
