# When a class may be asked for. The gateway computes the time in the zone that approvals.yaml names.
package gatehouse

in_hours if {
	input.localTime.day in class.hours.days
	input.localTime.minute >= class.hours.from
	input.localTime.minute < class.hours.to
}

denials contains {"code": "outside_hours", "text": "This may not be asked for at this time. approvals.yaml lists the hours."} if {
	class.hours.otherwise == "deny"
	not in_hours
}

approvals contains {"code": "outside_hours", "text": "Outside its hours somebody else has to approve this."} if {
	is_known
	class.hours.otherwise == "ask"
	not in_hours
}
