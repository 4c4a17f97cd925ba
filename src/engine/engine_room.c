// engine_room.c: holds the room's place until its first file stands.
typedef int iml__engine_room;
