"""A user's current themes and insights, as they are after every change since they were computed."""
