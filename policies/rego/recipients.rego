# How many a call reaches, and whether it goes somewhere new.
package gatehouse

is_blast if input.recipients.count >= class.blast.recipients

is_first_time if {
	class.firstTime
	count(input.recipients.firstTime) > 0
}

approvals contains {"code": "many_recipients", "text": "It goes to many recipients at once."} if {
	is_known
	is_blast
}

approvals contains {"code": "first_time_recipient", "text": "Nothing was sent to this recipient before."} if {
	is_known
	is_first_time
	not inside_declaration
}
