// io_room.c: holds the room's place until its first file stands.
typedef int iml__io_room;
