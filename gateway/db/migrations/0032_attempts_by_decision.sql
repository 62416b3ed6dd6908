-- Nothing looks attempts up by their decision since they name their session: two entries less for each call.
drop index attempts_decision;
