package gatehouse_test

test_the_customer_list_is_not_exported if {
	decided("deny", {"export_forbidden"}) with input as calling("customers.export", "read")
}
