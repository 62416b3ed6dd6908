package gatehouse_test

import data.gatehouse

test_members_owners_and_paired_people_are_known if {
	every standing in ["owner", "member", "paired"] {
		gatehouse.is_known with input as acting({"standing": standing})
	}
}

test_guests_and_strangers_are_not_known if {
	every standing in ["guest", "unknown", "MEMBER", ""] {
		not gatehouse.is_known with input as acting({"standing": standing})
	}
}

test_a_member_without_a_principal_is_not_known if {
	decided("deny", {"actor_unknown"}) with input as acting({"principal": null})
}

test_an_automation_reads_and_replies if {
	not "automation_limited" in codes(gatehouse.denials) with input as acting({"roles": ["automation"]})
	reply := object.union(acting({"roles": ["automation"]}), {"tool": {"name": "conversation.reply", "risk": "write"}})
	decided("allow", {"reply_allowed"}) with input as reply
}

test_an_automation_does_nothing_else if {
	write := object.union(acting({"roles": ["automation"]}), {"tool": {"name": "crm.note", "risk": "write"}})
	decided("deny", {"automation_limited"}) with input as write
}

test_a_viewer_reads_replies_and_asks_about_their_requests if {
	decided("allow", {"read_allowed"}) with input as acting({"roles": ["viewer"]})
	every name in ["conversation.reply", "gatehouse.cancel"] {
		call := object.union(acting({"roles": ["viewer"]}), {"tool": {"name": name, "risk": "write"}})
		decided("allow", {"write_allowed"}) with input as call
	}
}

test_a_viewer_writes_nothing_also_as_a_member if {
	write := object.union(acting({"roles": ["member", "viewer"]}), {"tool": {"name": "crm.note", "risk": "write"}})
	decided("deny", {"role_reads_only"}) with input as write
}
