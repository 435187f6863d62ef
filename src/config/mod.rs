//! Text to typed settings: the service file, the user file and where everything lies.
